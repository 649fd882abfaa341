"""The printed summary: a pandas frame that shows its title and its footer. Loaded when the first is asked for."""

import html

import pandas as pd

__all__ = ["Summary"]

# columns of which four digits are too many or too few
FORMATS = {"error": "{:.0e}", "rank": "{:.0f}", "elpd": "{:.2f}", "elpd_diff": "{:.2f}", "log_evidence": "{:.4f}"}


class Summary(pd.DataFrame):
    """A DataFrame that prints a title above and evidence and accuracy below; everything else is pandas."""

    _metadata = ["title", "footer"]  # noqa: RUF012 (pandas reads this name)

    @classmethod
    def of(cls, rows: dict[str, list[float]], columns: list[str], title: str, footer: str) -> "Summary":
        """A table with one row an entry of `rows`."""
        table = cls(pd.DataFrame.from_dict(rows, orient="index", columns=columns))
        table.title, table.footer = title, footer
        return table

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame  # a part of a summary is a plain frame: its evidence and accuracy are not the part's

    def __repr__(self) -> str:
        formats = {column: form.format for column, form in FORMATS.items()}
        body = self.to_string(
            formatters=formats,  # pyright: ignore[reportArgumentType]
            float_format=lambda value: f"{value:.4g}",
        )
        return f"{self.title}\n{body}\n{self.footer}"

    def _repr_html_(self) -> str:
        footer = "<br>".join(html.escape(line) for line in self.footer.splitlines())
        return f"<p><b>{html.escape(self.title)}</b></p>{super()._repr_html_()}<p>{footer}</p>"
