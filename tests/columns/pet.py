"""PET images whose pixels can be turned into SUVs, and those that lack something for it."""

from __future__ import annotations

from pydicom.dataset import Dataset

from tests.header.files import minimal

__all__ = ["GE", "PHILIPS", "pet", "with_private"]

PHILIPS, GE = "Philips PET Private Group", "GEMS_PETD_01"
TRACER = {
    "RadiopharmaceuticalStartTime": "090000",
    "RadionuclideTotalDose": "3.12e8",
    "RadionuclideHalfLife": "6586.2",
}
PET = {
    "Modality": "PT",
    "Units": "BQML",
    "CorrectedImage": ["NORM", "ATTN", "DECY"],
    "DecayCorrection": "START",
    "PatientWeight": "71.5",
    "SeriesDate": "20240402",
    "SeriesTime": "100500",
    "AcquisitionDate": "20240402",
    "AcquisitionTime": "100500",
}
TRACERS = {*TRACER, "RadiopharmaceuticalStartDateTime"}


def pet(**changes: object) -> Dataset:
    """Return a PET image with a factor, and some attributes changed, those of its tracer too; None removes one."""
    image = {**PET, **{name: value for name, value in changes.items() if name not in TRACERS}}
    tracer = {**TRACER, **{name: value for name, value in changes.items() if name in TRACERS}}
    item = Dataset()
    for keyword, value in present(tracer).items():
        setattr(item, keyword, value)
    return minimal(**present(image), RadiopharmaceuticalInformationSequence=[item])


def present(values: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def with_private(image: Dataset, creator: str, values: dict[int, tuple[str, object]], *, blocks: int = 0) -> Dataset:
    """Add private elements of one creator behind so many blocks of others, which have the same low bytes."""
    group = 0x7053 if creator == PHILIPS else 0x0009
    for number in range(blocks):
        other = image.private_block(group, f"OTHER {number}", create=True)
        for low in values:
            other.add_new(low, "LO", "99")
    block = image.private_block(group, creator, create=True)
    for low, (vr, value) in values.items():
        block.add_new(low, vr, value)
    return image
