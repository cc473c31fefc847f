"""Numbers of things and of bytes as people read them."""


def say_count(n: int, what: str) -> str:
    """Return a number of things of which the name has a regular plural: 1 token, 3,000 tokens."""
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def say_bytes(n_bytes: float) -> str:
    """Return a number of bytes in words, three figures at most: "548 MB"; 1 kB is 1000 bytes, as on disks."""
    size = float(n_bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 99.5 else f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} TB" if size < 999.5 else f"{size:,.0f} TB"
