"""The logit lens: a map of stages by positions whose cells name the likeliest token, and one position in full."""

import html
import json

import numpy as np
import plotly.graph_objects as go

from playground.records import LensStage, LogitLens, Token
from playground.views.figure import base_layout, set_axes
from playground.views.labels import axis_labels, elide, plain_label
from playground.views.palette import colorscale

ROW_PIXELS = 26
SHOWN = 5  # candidates in the table
LONGEST_IN_A_CELL = 7


def draw_logit_lens(lens: LogitLens) -> go.Figure:
    """Draw a row a stage, the model's input below and its own prediction above; the colour is the probability."""
    top = lens.probabilities[..., 0]
    stages = [stage_name(stage, lens) for stage in lens.stages]
    shown = lens.tokens[lens.start : lens.start + lens.n_positions]
    figure = go.Figure(
        go.Heatmap(
            z=np.round(top, 5),
            x=axis_labels(shown),
            y=stages,
            text=[[_cell(cell[0]) for cell in row] for row in lens.candidates],
            texttemplate="%{text}",
            textfont={"size": 11},
            customdata=[
                [_hover(lens, row, column) for column in range(lens.n_positions)] for row in range(len(stages))
            ],
            hovertemplate="%{customdata}<extra></extra>",
            zmin=0,
            zmax=1,
            colorscale=colorscale("probability"),
            showscale=False,
            xgap=1,
            ygap=1,
            meta={"scale": "probability"},
        ),
        base_layout(height=ROW_PIXELS * len(stages) + 90, meta={"hover": "plotly", "strip": True}),
    )
    names = axis_labels(shown)
    both = {"type": "category", "ticklen": 0, "showgrid": False, "fixedrange": True, "automargin": True}
    tokens = both | {
        "side": "top",
        "tickvals": names,
        "ticktext": [name.rstrip("\u200b") for name in names],
        "tickangle": -50,
        "title": {"text": "read up to this token", "standoff": 4},
    }
    return set_axes(figure, tokens, both | {"dtick": 1})


def lens_table(lens: LogitLens, position: int) -> str:
    """Return all stages of one position, the model's own prediction first, as HTML; position counts over the text."""
    column = min(max(0, position - lens.start), lens.n_positions - 1)
    rows = []
    for row in reversed(range(len(lens.stages))):
        best = "".join(
            f'<span class="lens-candidate{" lens-answer" if token.id == lens.answers[column].id else ""}">'
            f"{_cell(token)} <small>{html.escape(_percent(probability))}</small></span>"
            for token, probability in zip(
                lens.candidates[row][column][:SHOWN], lens.probabilities[row, column, :SHOWN].tolist(), strict=True
            )
        )
        rows.append(
            f"<tr><th>{html.escape(stage_name(lens.stages[row], lens))}</th><td>{best}</td>"
            f'<td class="number">{lens.answer_ranks[row, column]:,}</td>'
            f'<td class="number">{lens.entropies_bits[row, column]:.2f}</td></tr>'
        )
    head = (
        '<tr><th></th><th>likeliest</th><th class="number">rank of the final answer</th>'
        '<th class="number">entropy, bits</th></tr>'
    )
    return f'<div class="numbers-scroll"><table class="numbers-table">{head}{"".join(rows)}</table></div>'


def lens_sentence(lens: LogitLens, position: int) -> str:
    """Return at which stage the final answer first is the likeliest and stays so; not escaped."""
    column = min(max(0, position - lens.start), lens.n_positions - 1)
    ranks = lens.answer_ranks[:, column]
    settled = len(ranks) - 1
    while settled and ranks[settled - 1] == 1:
        settled -= 1
    read, answer = (plain_label(token) for token in (lens.tokens[lens.start + column], lens.answers[column]))
    share = float(lens.answer_probabilities[-1, column])
    when = stage_name(lens.stages[settled], lens)
    return (
        f"Having read “{read}” (token {lens.start + column}), the model ends with “{answer}”, {_percent(share)}. "
        f"It has been the likeliest since: {when}."
        + " Each layer is read through a map of its own into the last one's basis."
        * lens.is_tuned
    )


def stage_name(stage: LensStage, lens: LogitLens) -> str:
    """Return what a stage is called."""
    if stage.part == "input":
        return "input"
    is_last = stage == lens.stages[-1]
    if stage.part == "attention":
        return f"layer {stage.layer}, attention"
    return f"layer {stage.layer}{' = output' * is_last}"


def lens_highlight(lens: LogitLens, position: int) -> str:
    """Return which column is selected; nothing where it is not shown."""
    column = position - lens.start
    return json.dumps({"step": column} if 0 <= column < lens.n_positions else {})


def _hover(lens: LogitLens, row: int, column: int) -> str:
    """Return what is said of a cell, with plotly's own markup; tokens are escaped."""
    read = html.escape(plain_label(lens.tokens[lens.start + column]), quote=False)
    lines = [f"<b>{stage_name(lens.stages[row], lens)}</b>, behind “{read}”"]
    lines += [
        f"{html.escape(plain_label(token), quote=False)}: {html.escape(_percent(probability))}"
        for token, probability in zip(
            lens.candidates[row][column], lens.probabilities[row, column].tolist(), strict=True
        )
    ]
    answer = html.escape(plain_label(lens.answers[column]), quote=False)
    lines.append(f"final answer “{answer}”: rank {lens.answer_ranks[row, column]:,}")
    following = float(lens.following_probabilities[row, column])
    if not np.isnan(following):
        lines.append(f"the token that follows: {html.escape(_percent(following))}")
    lines.append(f"entropy {lens.entropies_bits[row, column]:.2f} bits")
    return "<br>".join(lines)


def _cell(token: Token) -> str:
    return html.escape(elide(plain_label(token), LONGEST_IN_A_CELL), quote=False)


def _percent(probability: float) -> str:
    value = 100 * probability
    if value >= 0.1:
        return f"{value:.1f} %"
    return f"{value:.1g} %" if value >= 0.001 else "<0.001 %"
