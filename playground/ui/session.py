"""What one visitor has on the page: the text that is shown and what is selected in it.

A session holds ids and choices; models, weights and attention stay with the backend.
"""

from dataclasses import dataclass, field, replace

from playground.records import (
    AttentionKind,
    AttentionShape,
    Attribution,
    BeamTree,
    Change,
    CompressedModel,
    CostAssumptions,
    FlowMethod,
    GeneratedSequence,
    GenerationRecord,
    GenerationSettings,
    Guess,
    MapValues,
    MapView,
    ModelKind,
    PatchedPart,
    PatternName,
    ReadText,
    RunTree,
    Step,
    TextIds,
    Token,
    TrainedLoss,
    Training,
)
from playground.views.tokens import NO_PARTS, Parts


@dataclass(frozen=True)
class KeptText:
    """A text that was kept to compare others with."""

    model: str
    text: TextIds
    n_tokens: int
    name: str  # its beginning, as it is shown


@dataclass(frozen=True)
class TrainedCopy:
    """A copy of a model that this visitor has trained."""

    model: str  # it is a copy of
    name: str  # under which the backend has it
    training: Training  # how far it is
    losses: tuple[TrainedLoss, TrainedLoss]  # of the text that it was trained on last, before and after


@dataclass(frozen=True)
class Patched:
    """Two texts between which activations were swapped, and what is predicted of the first."""

    model: str
    text: TextIds
    other: TextIds
    token: int
    part: PatchedPart


@dataclass(frozen=True)
class Session:
    """The text on the page. Empty (`ids` without members) until something was generated or analysed."""

    model: str = ""
    ids: tuple[int, ...] = ()
    tokens: tuple[Token, ...] = ()
    steps: tuple[Step, ...] = ()  # one for each generated token, at the end of `ids`
    selected: int = -1  # index of the selected token
    n_target: int = 0  # tokens at the end of `ids` that the decoder of an encoder-decoder read: its start token first
    type_ids: tuple[int, ...] = ()  # of an encoder's two sentences: which one each token is of, if the model is told
    second_at: int = 0  # where the second sentence begins; 0 where there is one only
    model_kind: ModelKind = "decoder"
    beside: int = -1  # of an encoder-decoder: the token that was selected last of the other text
    kind: AttentionKind = "self"
    shapes: tuple[AttentionShape, ...] = ()  # the kinds of attention that there are, with their layers and heads
    layer: int = 0  # the place of the selected one among the layers of its kind
    head: int = 0
    map_values: MapValues = "weights"
    map_view: MapView = field(default_factory=MapView)
    kept: KeptText | None = None  # the text that others can be compared with
    bertviz_model: bool = False  # BertViz's model view, not its head view
    bertviz_layers: tuple[int, int] | None = None  # the first and last of the model view; None: those that fit
    repeated_patterns: bool = False  # the scores of heads on repeated random tokens, not on this text
    overview_order: PatternName | None = None  # the pattern by which the overview is sorted
    flow_method: FlowMethod = "rollout"
    mask_off: bool = False  # counterfactual: every token sees all others
    hidden: tuple[int, ...] = ()  # counterfactual: tokens that no other sees
    run: GenerationRecord | None = None  # that wrote the text
    runs: RunTree = field(default_factory=RunTree)  # all that this visitor has made, and which of them is shown
    guesses: tuple[Guess, ...] = ()  # of next tokens, in the order in which they were made
    n_judged: int = 0  # guesses in all, also those that were forgotten
    lens_parts: bool = False  # the logit lens behind each layer's attention, too
    lens_tuned: bool = False  # read through a tuned lens
    path_words: tuple[str, ...] = ()  # of the text, whose ways through the layers are drawn; none: the last ones
    change: Change = field(default_factory=Change)  # what is switched off in the What if tab
    given: ReadText | None = None  # the text before words of it were masked in the Fill in tab
    masked_before: tuple[TextIds, ...] = ()  # what it was before each of these changes
    asked: tuple[str, TextIds] | None = None  # model and text of which something was asked in What if
    variants: tuple[CompressedModel, ...] = ()  # compressed copies that were compared with the model
    variants_of: tuple[str, TextIds] | None = None  # model and text of these
    variant: int = 0  # the one that is shown
    assumptions: CostAssumptions = field(default_factory=CostAssumptions)  # of the Cost tab
    trained: TrainedCopy | None = None
    attributed: tuple[tuple[str, TextIds, int], Attribution] | None = None  # what was measured last, and of what
    patched: Patched | None = None
    branch: int | None = None  # the selected hypothesis of a beam search, where it is not on the winner's path

    @property
    def text(self) -> TextIds:
        """What names the text for the backend."""
        source, target = self.ids[: self.n_source], self.ids[self.n_source :]
        return TextIds(source, target[1:], self.type_ids, self.second_at)

    @property
    def read(self) -> ReadText:
        """The tokens of the text."""
        source, target = self.tokens[: self.n_source], self.tokens[self.n_source :]
        return ReadText(source, target, self.type_ids, self.second_at)

    @property
    def shape(self) -> AttentionShape:
        """The layers, by their numbers in the model, and the heads of the kind of attention that is shown."""
        return next((shape for shape in self.shapes if shape.kind == self.kind), AttentionShape(self.kind, (), 0))

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers that have this kind of attention, by their numbers in the model."""
        return self.shape.layers

    @property
    def layer_number(self) -> int:
        """The selected layer by its number in the model."""
        return self.layers[self.layer] if self.layer < len(self.layers) else self.layer

    @property
    def n_prompt(self) -> int:
        """Tokens that were given, not generated."""
        return len(self.ids) - len(self.steps)

    @property
    def n_source(self) -> int:
        """Tokens of the text, but for those of an encoder-decoder's target."""
        return len(self.ids) - self.n_target

    @property
    def queries(self) -> range:
        """The tokens that look in this kind of attention: each has a row of its maps."""
        return range(self.n_source, len(self.ids)) if self.kind in ("decoder", "cross") else range(self.n_source)

    @property
    def keys(self) -> range:
        """The tokens that are looked at in this kind of attention: each has a column of its maps."""
        return range(self.n_source, len(self.ids)) if self.kind == "decoder" else range(self.n_source)

    @property
    def is_causal(self) -> bool:
        """Whether no token sees those after it."""
        return self.kind == "decoder" or (self.kind == "self" and self.model_kind == "decoder")

    @property
    def is_choosing(self) -> bool:
        """Whether the tokens that look choose the token after them, as a decoder's do."""
        return self.is_causal or self.kind == "cross"

    @property
    def looked_for(self) -> int:
        """The token whose look is shown: the selected one; if it has none here, the last one of the other text."""
        place = self.selected if self.selected in self.queries else self.beside
        return max(self.queries.start, min(place, self.queries.stop - 1))

    @property
    def query(self) -> int:
        """The row from which the model looked when it chose the selected token.

        A decoder chooses token t from the position before it; nothing was looked from to choose the first token
        (of a target: the start token), so its own row is shown for it. An encoder chooses nothing: each token has
        its own row.
        """
        row = self.looked_for - self.queries.start
        return max(0, row - 1) if self.is_choosing else row

    def token_of_query(self, query: int) -> int:
        """Return the token that was chosen from a row of a map; of an encoder the token that has the row."""
        place = self.queries.start + query + (1 if self.is_choosing else 0)
        return max(self.queries.start, min(place, self.queries.stop - 1))

    def select(self, token: int) -> "Session":
        """Return the session with another token selected."""
        is_other_text = (token < self.n_source) != (self.selected < self.n_source)
        return replace(self, selected=token, beside=self.selected if is_other_text else self.beside)

    @property
    def step(self) -> Step | None:
        """The step that chose the selected token, where it was generated."""
        return self.step_of(self.selected)

    def step_of(self, token: int) -> Step | None:
        """Return the step that chose a token, None where it was given."""
        at = token - self.n_prompt
        return self.steps[at] if 0 <= at < len(self.steps) else None

    @property
    def beam_tree(self) -> BeamTree | None:
        """The tree of the run, where it was a beam search."""
        return self.run.beam_tree if self.run else None

    @property
    def search_start(self) -> int:
        """The first token that the run wrote itself."""
        return self.n_prompt + (self.run.n_begun if self.run else 0)

    @property
    def settings(self) -> GenerationSettings | None:
        """The settings of the run, where the text was generated."""
        return self.run.settings if self.run else None

    @property
    def sequences(self) -> tuple[GeneratedSequence, ...]:
        """All texts of the run."""
        return self.run.sequences if self.run else ()

    def number(self, token: int) -> int:
        """Return the number of a token in its own text: an encoder-decoder has two."""
        return token - self.n_source if token >= self.n_source else token

    @property
    def parts(self) -> Parts:
        """Where the parts of the text begin, for its chips; none where it is one."""
        return parts_of(self.n_source, self.n_target, self.second_at)

    @property
    def n_read(self) -> int:
        """Tokens at the beginning that are read and never predicted: an encoder's, and a decoder's start token."""
        if self.model_kind == "decoder":
            return 0
        return self.n_source + min(1, self.n_target)


def parts_of(n_source: int, n_target: int, second_at: int) -> Parts:
    """Return where the parts of a text begin, what they are called, and the number of their first token."""
    if n_target:
        return {0: ("source", 0), n_source: ("target", 0)}
    return {0: ("first sentence", 0), second_at: ("second sentence", second_at)} if second_at else NO_PARTS
