"""The Cost tab: what a token takes, and what it costs."""

import html
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import gradio as gr

from playground.backends.protocol import Backend
from playground.records import CostAssumptions, ModelCost, PlaygroundError, Speed
from playground.records.sizes import say_count
from playground.ui.components import build_chart, build_heading, no_chart
from playground.ui.head_views.base import drawn_of_text
from playground.ui.session import Session
from playground.ui.status import status_line
from playground.views.cost import (
    break_even_sentence,
    cache_sentence,
    draw_cache,
    lines_html,
    money_lines,
    token_lines,
)

HINT = (
    "<p class='compare-empty'>Generate or analyse a text, or change a number above: what a token takes stands here.</p>"
)
MONEY_HINT = "<p class='compare-empty'>What 1,000 tokens, a class and a month of users cost stands here.</p>"
# Label, what it is, the least and the most of each assumption
FIELDS: dict[str, tuple[str, str, float, float]] = {
    "n_tokens": ("Length, tokens", "of the text when a token is written", 1, 1_000_000),
    "n_source": ("Source, tokens", "that an encoder-decoder reads", 0, 1_000_000),
    "tokens_per_s": ("Tokens a second", "measure it here, or take your machine's", 0.001, 10_000_000),
    "price_an_hour": ("Price an hour", "of the machine", 0, 1_000_000),
    "utilisation": ("Utilisation, %", "of the paid time it writes", 0.01, 100),
    "n_students": ("Students", "in a class", 1, 1_000_000),
    "tokens_a_student": ("Tokens a student", "in a lesson", 1, 1_000_000_000),
    "n_users": ("Users", "in a month", 1, 1_000_000_000),
    "tokens_a_user": ("Tokens a user", "in a month", 1, 1_000_000_000),
    "price_a_million": ("Service price", "for a million tokens, to compare with", 0, 1_000_000),
}
OF_TOKEN = ("n_tokens", "n_source")


@dataclass(frozen=True)
class CostTab:
    """The components of the tab."""

    name: ClassVar[str] = "Cost"
    numbers: dict[str, gr.Number]
    token: gr.HTML
    cache: gr.HTML
    cache_sentence: gr.HTML
    measure: gr.Button
    stop: gr.Button
    progress: gr.HTML
    money: gr.HTML
    sentence: gr.HTML

    def outputs(self) -> list[gr.components.Component]:
        """Return what `show` fills."""
        return [
            self.numbers["n_source"], self.token, self.cache, self.cache_sentence, self.measure, self.money,
            self.sentence,
        ]  # fmt: skip

    def show(self, backend: Backend, session: Session) -> dict[Any, Any]:
        """Return what a token takes and costs; of a model that writes nothing, why there is nothing."""
        return self.show_of(backend, session, session.model)

    def show_of(self, backend: Backend, session: Session, model: str) -> dict[Any, Any]:
        """Return the tab for a model, of which there need not be a text yet."""
        try:
            cost = backend.cost(model)
        except PlaygroundError as error:
            said = f"<p class='compare-empty'>{html.escape(str(error))}</p>"
            return {
                self.token: said, self.money: said, self.sentence: "", self.cache: no_chart(str(error)),
                self.cache_sentence: "", self.measure: gr.Button(interactive=False),
            }  # fmt: skip
        given = session.assumptions
        drawn = drawn_of_text(draw_cache(cost, given), replace(session, model=model), "KV cache by length")
        return {
            self.numbers["n_source"]: gr.Number(visible=cost.is_encoder_decoder),
            self.token: lines_html(token_lines(cost, given)) + _too_long(cost, given),
            self.cache: gr.HTML(value=drawn, absent=""),
            self.cache_sentence: f"<p>{html.escape(cache_sentence(cost, given))}</p>",
            self.measure: gr.Button(interactive=True),
            self.money: lines_html(money_lines(given)),
            self.sentence: f"<p>{html.escape(break_even_sentence(given))}</p>",
        }

    def show_speed(self, speed: Speed, *, is_done: bool) -> str:
        """Return what was measured."""
        return status_line(
            f"{speed.tokens_per_s:.0f} tokens/s, first token after {1000 * speed.first_token_s:.0f} ms behind "
            f"{say_count(speed.n_tokens, 'token')}: medians of {say_count(speed.n_rounds, 'round')}, "
            "one text at a time, not traced.",
            "quiet" if is_done else "busy",
        )


def _too_long(cost: ModelCost, given: CostAssumptions) -> str:
    if cost.context_length is None or given.n_tokens <= cost.context_length:
        return ""
    return f'<p class="caption">The model reads {cost.context_length:,} tokens only: this is what it would take.</p>'


def build_cost() -> CostTab:
    """Build the tab's components."""
    numbers: dict[str, gr.Number] = {}
    with gr.Column(elem_id="panel-cost-token"):
        build_heading(
            "What a token takes",
            "Operations and bytes for the next token, from this model's configuration and parameters: a matrix of n "
            "weights takes 2 n operations, attention more the longer the text is. Norms and activations are left out.",
        )
        with gr.Row(elem_id="cost-token-fields"):
            numbers |= {name: _number(name, visible=name != "n_source") for name in OF_TOKEN}
        with gr.Row(elem_id="cost-row"):
            with gr.Column(scale=7, min_width=300):
                token = gr.HTML(HINT, elem_id="cost-token", apply_default_css=False)
            with gr.Column(scale=5, min_width=300):
                cache = build_chart("cost-cache", hint="The KV cache, by the length of the text.", place=300)
                sentence_of_cache = gr.HTML("", elem_classes=["caption"], elem_id="cost-cache-sentence")
    with gr.Column(elem_id="panel-cost-money"):
        build_heading(
            "What it costs",
            "Every number is an assumption that you can change. Money is in whichever currency you think in.",
        )
        with gr.Row(elem_id="cost-bar"):
            measure = gr.Button("Measure the speed here", variant="primary", elem_id="cost-measure", min_width=180)
            stop = gr.Button("Stop", elem_id="cost-stop", interactive=False, min_width=80)
            progress = gr.HTML(status_line(""), elem_id="cost-progress")
        with gr.Row(elem_id="cost-fields"):
            numbers |= {name: _number(name) for name in FIELDS if name not in OF_TOKEN}
        money = gr.HTML(MONEY_HINT, elem_id="cost-money", apply_default_css=False)
        sentence = gr.HTML("", elem_classes=["caption"], elem_id="cost-sentence")
    return CostTab(numbers, token, cache, sentence_of_cache, measure, stop, progress, money, sentence)


def assumptions_from(values: dict[str, Any]) -> CostAssumptions:
    """Return the assumptions that the fields say. Raises PlaygroundError, with the range, for what is no number."""
    taken: dict[str, Any] = {}
    for name, (label, _, low, high) in FIELDS.items():
        value = values[name]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not low <= value <= high:
            raise PlaygroundError(f"{label} must be a number from {low:,g} to {high:,g}, not {str(value)[:40]!r}.")
        taken[name] = value / 100 if name == "utilisation" else value
    whole = {one.name for one in fields(CostAssumptions) if one.type in (int, "int")}
    numbers: dict[str, Any] = {name: int(value) if name in whole else float(value) for name, value in taken.items()}
    return CostAssumptions(**numbers)


def _number(name: str, *, visible: bool = True) -> gr.Number:
    label, info, low, high = FIELDS[name]
    value = getattr(CostAssumptions(), name)
    return gr.Number(
        100 * value if name == "utilisation" else value, label=label, info=info, minimum=low, maximum=high,
        visible=visible, elem_id=f"cost-{name.replace('_', '-')}", min_width=120,
    )  # fmt: skip
