"""The calibrator slot: an affine map of the llr of each group of rules (logistic calibration, Brümmer 2010).

None is fitted yet: NONE leaves every llr as it is, and the verdict says `calibrator: none`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrator:
    """`slope` and `offset` by group of rules; a group that is not named stays as it is."""

    id: str
    slope: Mapping[str, float] = field(default_factory=dict)
    offset: Mapping[str, float] = field(default_factory=dict)

    def apply(self, group: str, llr: float) -> float:
        """Absent evidence stays absent: 0 maps to 0 unless the group has an offset.

        >>> Calibrator(id="x", slope={"text": 0.5}).apply("text", 2.0)
        1.0
        """
        return self.slope.get(group, 1.0) * llr + self.offset.get(group, 0.0)


NO_CALIBRATOR = Calibrator(id="none")
