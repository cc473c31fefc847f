"""Frozen values that cross every border of the project: NumPy arrays and plain Python, nothing else."""

from playground.records.attribution import (
    METHODS,
    Agreement,
    Attribution,
    AttributionMethod,
    Baseline,
    Completeness,
)
from playground.records.beam_fates import describe_fate
from playground.records.beams import BeamNode, BeamProgress, BeamState, BeamTree
from playground.records.candidates import Candidate, Candidates
from playground.records.comparison import ComparedRun, Continuation, TextMetrics
from playground.records.compression import (
    GROUPS,
    MOST_DISTILLED,
    MOST_PERCENT,
    CompressedModel,
    Compression,
    CompressionMethod,
    CompressionProgress,
    ModelMeasures,
    PrunedHead,
)
from playground.records.cost import HOURS_A_MONTH, CachedLayer, CacheKind, CostAssumptions, ModelCost, Speed
from playground.records.counterfactual import CounterfactualMap, MaskedPrediction
from playground.records.embeddings import Embeddings, Neighbour, TokenPaths
from playground.records.errors import PlaygroundError
from playground.records.fill_in import FillIn, Filling, MaskPrediction
from playground.records.flow import FlowMethod, TokenFlow
from playground.records.generation import (
    Draw,
    FinishReason,
    Funnel,
    GeneratedSequence,
    GenerationEvent,
    GenerationRecord,
    Step,
)
from playground.records.greedy_comparison import GreedyComparison
from playground.records.guesses import Guess
from playground.records.instruments import InstrumentName
from playground.records.known_model import Allowance, FoundModel, KnownModel
from playground.records.language_tasks import LabelScore, LanguageTask, ReferenceScore, TaskName, TaskPrompt
from playground.records.loading import LoadProgress, LoadStage
from playground.records.logit_lens import LensPart, LensStage, LogitLens
from playground.records.maps import (
    AttentionKind,
    AttentionShape,
    AttentionSummary,
    HeadMap,
    HeadRows,
    HeadsShown,
    LayerMaps,
    MapValues,
    MapView,
)
from playground.records.model_card import ModelCard, Side, StackSizes
from playground.records.next_token import NextToken, Reading, RuleEffect
from playground.records.norms import NormMap
from playground.records.patching import PatchedPart, PatchedPrediction, PatchingMap
from playground.records.patterns import HeadPatterns, PatternName, PatternScore, describe, fitting
from playground.records.positions import PositionalSignal, PositionKind, RotaryAngles, ShuffleComparison, ShuffledMap
from playground.records.query_key import QueryKeyRow
from playground.records.run_tree import RunNode, RunTree
from playground.records.settings import EarlyStopping, GenerationSettings, Strategy, contradictions, remarks
from playground.records.spec import ModelKind, ModelSpec, Placement, shown_name
from playground.records.text_difference import TextDifference
from playground.records.texts import ReadText, TextIds
from playground.records.token_loss import TokenLoss
from playground.records.tokens import Token, TokenScore
from playground.records.training import (
    TrainedLoss,
    Training,
    TrainingMethod,
    TrainingPlan,
    TrainingSettings,
    TrainingState,
)
from playground.records.what_if import (
    AttentionExplains,
    Change,
    ChangedKind,
    ChangedText,
    HeadImportance,
    HeadsOff,
    WhatIf,
)
from playground.records.words import Word, WordMap

__all__ = [
    "GROUPS",
    "HOURS_A_MONTH",
    "METHODS",
    "MOST_DISTILLED",
    "MOST_PERCENT",
    "Agreement",
    "Allowance",
    "AttentionExplains",
    "AttentionKind",
    "AttentionShape",
    "AttentionSummary",
    "Attribution",
    "AttributionMethod",
    "Baseline",
    "BeamNode",
    "BeamProgress",
    "BeamState",
    "BeamTree",
    "CacheKind",
    "CachedLayer",
    "Candidate",
    "Candidates",
    "Change",
    "ChangedKind",
    "ChangedText",
    "ComparedRun",
    "Completeness",
    "CompressedModel",
    "Compression",
    "CompressionMethod",
    "CompressionProgress",
    "Continuation",
    "CostAssumptions",
    "CounterfactualMap",
    "Draw",
    "EarlyStopping",
    "Embeddings",
    "FillIn",
    "Filling",
    "FinishReason",
    "FlowMethod",
    "FoundModel",
    "Funnel",
    "GeneratedSequence",
    "GenerationEvent",
    "GenerationRecord",
    "GenerationSettings",
    "GreedyComparison",
    "Guess",
    "HeadImportance",
    "HeadMap",
    "HeadPatterns",
    "HeadRows",
    "HeadsOff",
    "HeadsShown",
    "InstrumentName",
    "KnownModel",
    "LabelScore",
    "LanguageTask",
    "LayerMaps",
    "LensPart",
    "LensStage",
    "LoadProgress",
    "LoadStage",
    "LogitLens",
    "MapValues",
    "MapView",
    "MaskPrediction",
    "MaskedPrediction",
    "ModelCard",
    "ModelCost",
    "ModelKind",
    "ModelMeasures",
    "ModelSpec",
    "Neighbour",
    "NextToken",
    "NormMap",
    "PatchedPart",
    "PatchedPrediction",
    "PatchingMap",
    "PatternName",
    "PatternScore",
    "Placement",
    "PlaygroundError",
    "PositionKind",
    "PositionalSignal",
    "PrunedHead",
    "QueryKeyRow",
    "ReadText",
    "Reading",
    "ReferenceScore",
    "RotaryAngles",
    "RuleEffect",
    "RunNode",
    "RunTree",
    "ShuffleComparison",
    "ShuffledMap",
    "Side",
    "Speed",
    "StackSizes",
    "Step",
    "Strategy",
    "TaskName",
    "TaskPrompt",
    "TextDifference",
    "TextIds",
    "TextMetrics",
    "Token",
    "TokenFlow",
    "TokenLoss",
    "TokenPaths",
    "TokenScore",
    "TrainedLoss",
    "Training",
    "TrainingMethod",
    "TrainingPlan",
    "TrainingSettings",
    "TrainingState",
    "WhatIf",
    "Word",
    "WordMap",
    "contradictions",
    "describe",
    "describe_fate",
    "fitting",
    "remarks",
    "shown_name",
]
