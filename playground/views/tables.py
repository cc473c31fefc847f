"""Tables as HTML; what stands in a cell is HTML already, what stands in a title is escaped here."""

import html
from collections.abc import Iterable, Sequence


def comparison_table(columns: Sequence[tuple[str, str]], rows: Iterable[str]) -> str:
    """Return rows under columns, each a name and what it means, which shows on hover; wide ones scroll."""
    head = "".join(f'<th scope="col" title="{html.escape(title)}">{name}</th>' for name, title in columns)
    return (
        f'<div class="compare-scroll"><table class="compare-table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def numbers_table(columns: tuple[str, str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows of a name and two numbers."""
    cells = "".join(
        f'<tr><th>{name}</th><td class="number">{first}</td><td class="number">{second}</td></tr>'
        for name, first, second in rows
    )
    head = "".join(f'<th class="number">{name}</th>' for name in columns)
    return f'<table class="numbers-table"><thead><tr><th></th>{head}</tr></thead><tbody>{cells}</tbody></table>'


def scrolled_table(name: str, columns: Sequence[tuple[str, bool]], rows: Iterable[str]) -> str:
    """Return rows under columns, each a name and whether it holds numbers; long ones scroll. name: its class."""
    head = "".join(f"<th{' class=number' * is_number}>{column}</th>" for column, is_number in columns)
    return (
        f"<div class='table-scroll'><table class='{name}'><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
