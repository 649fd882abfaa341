"""What a Posterior hands on to the model that made it: questions that not every model answers."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from gridbayes.leave_one_out import LeaveOneOut

__all__ = ["Questions", "unanswered"]

INSTEAD = {  # what to use where a model does not answer and names nothing better
    "predict": "post.summary() says what is known of each parameter",
    "shrinkage": "post.summary() has the estimates with their intervals",
    "rank": "post.summary() has the estimates with their intervals",
    "combination": "post.contrast(first, second) is the difference of two groups",
    "loo": "fit the model without a row, and take the difference of the two log evidences",
}


class Questions:
    """The part of a Posterior that its fitted model answers, or says what to use instead."""

    model: Any

    def _ask(self, question: str) -> Callable:
        """The model's answer to a question that not every model answers."""
        answer = getattr(self.model, question, None)
        if answer is None:
            own: Mapping[str, str] = getattr(self.model, "instead", {})
            raise unanswered(self.model.title, question, own.get(question, INSTEAD[question]))
        return answer

    def loo(self, by: str = "row") -> LeaveOneOut:
        """Exact leave-one-out: log p(y_i | y_-i) of every row, or by="group" of every group, summed to `elpd`.

        No draws and no Pareto tail: the part is taken out of the sum over the grids, and where these do not resolve what
        is left the rest is fitted anew. `elpd`, `se`, `p`, `elpd_i` are called as in ArviZ. ValueError where a part left
        out leaves no posterior.

        >>> import gridbayes as gb
        >>> post = gb.partial_pooling({"G": [1], "E": [-15], "M": [30]}, sigma=15, mu_scale=10, tau_scale=10)
        >>> loo = post.loo()
        >>> round(loo.elpd, 4), loo.elpd_i.sizes["row"]
        (-13.9343, 3)
        """
        return self._ask("loo")(by)


def unanswered(title: str, question: str, remedy: str) -> TypeError:
    """The error of a question that a model does not answer, with what to use instead."""
    return TypeError(f"{title} does not answer {question}. Instead: {remedy}.")
