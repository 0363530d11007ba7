"""How the report writes numbers, names and lists."""

from collections.abc import Sequence

NAMES = {
    "softmax": "softmax regression",
    "tfdf": "the decision forest",
    "majority": "always the commonest class",
    "pitch_threshold": "a threshold on pitch",
}

METHODS = {"grad_cam": "Grad-CAM", "integrated_gradients": "integrated gradients", "occlusion": "occlusion"}

SYNTHETIC = "**These voices are synthetic.** The figures show that the machinery works, and say nothing about people."


def name_of(model: str) -> str:
    """A model in words."""
    return NAMES.get(model, f"the net `{model}`")


def sentence(text: str) -> str:
    """With a capital letter in front."""
    return text[:1].upper() + text[1:]


def number(value: float) -> str:
    """Three decimals; a loss that rounds to nothing has no sign."""
    text = f"{value:.3f}"
    return "0.000" if text == "-0.000" else text.replace("-", "−")


def interval(value: float, low: float, high: float) -> str:
    """A value with its interval: 0.912 (0.875–0.950)."""
    return (
        f"{number(value)} ({number(low)}–{number(high)})"
        if low >= 0
        else f"{number(value)} ({number(low)} to {number(high)})"
    )


def percent(value: float) -> str:
    """A share in whole percent."""
    return f"{value:.0%}".replace("%", " %")


def count(value: float) -> str:
    """A whole number, thousands set apart."""
    return f"{value:,.0f}"


def listed(items: Sequence[str], last: str = "and") -> str:
    """a, b and c."""
    return f" {last} ".join(filter(None, [", ".join(items[:-1]), items[-1]])) if items else "none"


def plural(number_of: int, one: str, several: str | None = None) -> str:
    """1 clip, 2 clips."""
    return f"{count(number_of)} {one if number_of == 1 else several or one + 's'}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def bullets(items: Sequence[str]) -> str:
    """A Markdown list."""
    return "\n".join(f"- {item}" for item in items)
