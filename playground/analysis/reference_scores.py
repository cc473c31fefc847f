"""How near a text is to a reference: BLEU and chrF by sacrebleu, ROUGE by rouge-score."""

from typing import Any

from playground.records import PlaygroundError, ReferenceScore

LONGEST_SCORED = 20_000  # characters of either text: ROUGE-L takes the product of both lengths


def score_against(text: str, reference: str) -> tuple[ReferenceScore, ...]:
    """Return how near a text is to a reference by each measure, from 0 to 100.

    BLEU: Papineni et al. 2002; chrF: Popović 2015; ROUGE: Lin 2004. Of one sentence BLEU counts only the lengths of
    n-grams that fit in it (sacrebleu's effective order). Raises PlaygroundError where one of the texts is empty or too
    long.
    """
    for what, given in (("text", text), ("reference", reference)):
        if not given.strip():
            raise PlaygroundError(f"The {what} is empty: there is nothing to compare.")
        if len(given) > LONGEST_SCORED:
            raise PlaygroundError(f"The {what} has {len(given):,} characters; at most {LONGEST_SCORED:,} are compared.")
    import sacrebleu
    from rouge_score.rouge_scorer import RougeScorer

    text, reference = text.strip(), reference.strip()
    bleu = sacrebleu.sentence_bleu(text, [reference])
    rouge = RougeScorer(["rouge1", "rouge2", "rougeL"]).score(reference, text)
    precisions = ", ".join(f"{value:.0f} %" for value in bleu.precisions)
    return (
        ReferenceScore(
            "BLEU",
            bleu.score,
            f"How many of its runs of 1, 2, 3 and 4 words stand in the reference ({precisions}), lowered where it is "
            "shorter. For translations; over 60 is near word for word.",
        ),
        ReferenceScore(
            "chrF",
            sacrebleu.sentence_chrf(text, [reference]).score,
            "The same of runs of 1 to 6 letters, found in both: another ending of a word costs less.",
        ),
        *(
            ReferenceScore(name, 100 * rouge[key].fmeasure, f"{meaning} ({_both(rouge[key])}).")
            for name, key, meaning in (
                ("ROUGE-1", "rouge1", "Words that both have, whatever their order: for summaries"),
                ("ROUGE-2", "rouge2", "Pairs of words that both have"),
                ("ROUGE-L", "rougeL", "The longest sequence of words that both have in the same order"),
            )
        ),
    )


def _both(found: Any) -> str:
    return f"{100 * found.recall:.0f} % of the reference, {100 * found.precision:.0f} % of the text"
