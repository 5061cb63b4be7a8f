"""The values that the views of dose read: column, concept (PS3.16 TID 10001 to 10015) and unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dicom_udf.columns.fields import Field
from dicom_udf.columns.items import CODE_TYPE

__all__ = ["DOCUMENT_VALUES", "EVENT_VALUES", "FAULTS", "GLANDULAR", "QUANTITIES", "TOTALS", "TWINS", "DoseValue"]

Form = Literal["number", "numbers", "source", "filter", "code", "text", "datetime", "hidden"]


@dataclass(frozen=True, slots=True)
class DoseValue:
    """A value that the views read from the content items below a child of the root.

    Attributes:
        name: Name of the column; of a hidden value a name for the SQL only.
        concept: Code value of its concept: of DCM, or of SCT for the keys of :data:`TWINS`.
        form: ``number``: of one NUM item. ``numbers``: all numbers of NUM items, in the order of the file. ``source``
            and ``filter``: one element for each X-ray source or filter; a ``source`` without these containers is like
            ``numbers``. ``code``, ``text`` and ``datetime``: of the first item. ``hidden``: a number without a column.
        comment: Comment of the column, for its faults too.
        quantity: Key of :data:`QUANTITIES`; empty for codes and texts.
        type: Spark SQL type of a number or of an element.
        of: Kind of the event that may have it; empty for both.
    """

    name: str
    concept: str
    form: Form
    comment: str
    quantity: str = ""
    type: str = "double"
    of: str = ""

    @property
    def field(self) -> Field:
        """Its column."""
        types = {"code": CODE_TYPE, "text": "string", "datetime": "timestamp_ntz"}
        type_ = types.get(self.form, self.type)
        return Field(
            self.name, f"array<{type_}>" if self.form in ("numbers", "source", "filter") else type_, self.comment
        )


TWINS = {
    "408730004": ("G-C32C", "Procedure Context"),
    "272741003": ("G-C171", "Laterality"),
}
"""Code values of SCT -> that of the same concept in SRT, and its meaning."""

QUANTITIES: dict[str, dict[str, tuple[float, float]]] = {
    "dose_mgy": {"mGy": (1, 1), "Gy": (1e3, 1), "dGy": (1e2, 1), "cGy": (10, 1), "uGy": (1, 1e3)},
    "dose_gy": {"Gy": (1, 1), "dGy": (1, 10), "cGy": (1, 1e2), "mGy": (1, 1e3), "uGy": (1, 1e6)},
    "dose_msv": {"mSv": (1, 1), "Sv": (1e3, 1), "uSv": (1, 1e3)},
    "dlp": {"mGycm": (1, 1), "Gycm": (1e3, 1), "cGycm": (10, 1), "uGycm": (1, 1e3), "mGymm": (1, 10), "mGym": (1e2, 1)},
    "area_dose": {
        "Gym2": (1, 1), "mGym2": (1, 1e3), "uGym2": (1, 1e6), "Gycm2": (1, 1e4), "dGycm2": (1, 1e5),
        "cGycm2": (1, 1e6), "mGycm2": (1, 1e7), "uGycm2": (1, 1e10),
    },
    "time_s": {"s": (1, 1), "ms": (1, 1e3), "us": (1, 1e6), "min": (60, 1)},
    "time_ms": {"ms": (1, 1), "s": (1e3, 1), "us": (1, 1e3)},
    "length_mm": {"mm": (1, 1), "cm": (10, 1), "m": (1e3, 1)},
    "current_ma": {"mA": (1, 1), "uA": (1, 1e3), "A": (1e3, 1)},
    "charge_uas": {"uAs": (1, 1), "mAs": (1e3, 1), "As": (1e6, 1)},
    "voltage_kv": {"kV": (1, 1), "V": (1, 1e3)},
    "angle": {"deg": (1, 1)},
    "rate": {"/s": (1, 1), "1/s": (1, 1), "s-1": (1, 1), "Hz": (1, 1), "pulse/s": (1, 1), "pulses/s": (1, 1)},
    "count": {"1": (1, 1), "nounits": (1, 1)},
}  # fmt: skip
"""Quantities of columns -> their units without ``.``, ``^`` and blanks -> the factor and the divisor of a number.

A ``rate`` may also have a unit in braces, e.g. ``{pulse}/s``, and a ``count`` one as ``{events}``, or none.
"""

EVENT_VALUES = (
    DoseValue("irradiation_event_uid", "113769", "text", "(113769, DCM) Irradiation Event UID."),
    DoseValue(
        "started", "111526", "datetime", "(111526, DCM) DateTime Started, to the second; a time zone is left out."
    ),
    DoseValue("acquisition_protocol", "125203", "text", "(125203, DCM) Acquisition Protocol."),
    DoseValue("target_region", "123014", "code", "(123014, DCM) Target Region."),
    DoseValue("procedure_context", "408730004", "code", "(408730004, SCT) or (G-C32C, SRT) Procedure Context."),
    DoseValue("comment", "121106", "text", "(121106, DCM) Comment of the event."),
    DoseValue("event_type", "113721", "code", "(113721, DCM) Irradiation Event Type.", of="PROJECTION"),
    DoseValue("acquisition_plane", "113764", "code", "(113764, DCM) Acquisition Plane.", of="PROJECTION"),
    DoseValue("ct_acquisition_type", "113820", "code", "(113820, DCM) CT Acquisition Type.", of="CT"),
    DoseValue("mean_ctdi_vol", "113830", "number", "(113830, DCM) Mean CTDIvol, mGy.", "dose_mgy", of="CT"),
    DoseValue("ctdi_phantom", "113835", "code", "(113835, DCM) CTDIw Phantom Type.", of="CT"),
    DoseValue("dlp", "113838", "number", "(113838, DCM) DLP, mGy.cm.", "dlp", of="CT"),
    DoseValue("ssde", "113930", "number", "(113930, DCM) Size Specific Dose Estimation, mGy.", "dose_mgy", of="CT"),
    DoseValue("effective_dose", "113839", "number", "(113839, DCM) Effective Dose, mSv.", "dose_msv", of="CT"),
    DoseValue("exposure_time", "113824", "number", "(113824, DCM) Exposure Time of a CT event, s.", "time_s", of="CT"),
    DoseValue("scanning_length", "113825", "number", "(113825, DCM) Scanning Length, mm.", "length_mm", of="CT"),
    DoseValue(
        "reconstructable_length",
        "113893",
        "number",
        "(113893, DCM) Length of Reconstructable Volume, mm.",
        "length_mm",
        of="CT",
    ),
    DoseValue(
        "single_collimation_width",
        "113826",
        "number",
        "(113826, DCM) Nominal Single Collimation Width, mm.",
        "length_mm",
        of="CT",
    ),
    DoseValue(
        "total_collimation_width",
        "113827",
        "number",
        "(113827, DCM) Nominal Total Collimation Width, mm.",
        "length_mm",
        of="CT",
    ),
    DoseValue("pitch_factor", "113828", "number", "(113828, DCM) Pitch Factor.", "count", of="CT"),
    DoseValue("x_ray_sources", "113823", "number", "(113823, DCM) Number of X-Ray Sources.", "count", "bigint", "CT"),
    DoseValue(
        "source_ids",
        "113832",
        "source",
        "(113832, DCM) Identification of the X-Ray Source, one for each source.",
        type="string",
        of="CT",
    ),
    DoseValue(
        "kvp",
        "113733",
        "source",
        "(113733, DCM) KVP, kV: one for each source of a CT event, e.g. [100, 140] of a dual "
        "source; otherwise all numbers in order.",
        "voltage_kv",
    ),
    DoseValue(
        "x_ray_tube_current",
        "113734",
        "source",
        "(113734, DCM) X-Ray Tube Current, mA: one for each source of a CT event; otherwise all numbers in order.",
        "current_ma",
    ),
    DoseValue(
        "x_ray_tube_current_max",
        "113833",
        "source",
        "(113833, DCM) Maximum X-Ray Tube Current, mA, one for each source.",
        "current_ma",
        of="CT",
    ),
    DoseValue(
        "exposure_time_per_rotation",
        "113834",
        "source",
        "(113834, DCM) Exposure Time per Rotation, s, one for each source.",
        "time_s",
        of="CT",
    ),
    DoseValue("x_ray_modulation_type", "113842", "text", "(113842, DCM) X-Ray Modulation Type.", of="CT"),
    DoseValue("dlp_alert_value", "113903", "hidden", "dlp_alert_exceeded", "dlp", of="CT"),
    DoseValue("dlp_alert_estimate", "113905", "hidden", "dlp_alert_exceeded", "dlp", of="CT"),
    DoseValue("ctdi_vol_alert_value", "113904", "hidden", "ctdi_vol_alert_exceeded", "dose_mgy", of="CT"),
    DoseValue("ctdi_vol_alert_estimate", "113906", "hidden", "ctdi_vol_alert_exceeded", "dose_mgy", of="CT"),
    DoseValue("dlp_notification_value", "113911", "hidden", "dlp_notification_exceeded", "dlp", of="CT"),
    DoseValue("dlp_notification_estimate", "113913", "hidden", "dlp_notification_exceeded", "dlp", of="CT"),
    DoseValue("ctdi_vol_notification_value", "113912", "hidden", "ctdi_vol_notification_exceeded", "dose_mgy", of="CT"),
    DoseValue(
        "ctdi_vol_notification_estimate", "113914", "hidden", "ctdi_vol_notification_exceeded", "dose_mgy", of="CT"
    ),
    DoseValue(
        "dose_area_product",
        "122130",
        "number",
        "(122130, DCM) Dose Area Product, Gy.m2. 1 Gy.m2 is 100,000 dGy.cm2, "
        "the unit of image_and_fluoroscopy_area_dose_product in instances.",
        "area_dose",
        of="PROJECTION",
    ),
    DoseValue("dose_rp", "113738", "number", "(113738, DCM) Dose (RP), Gy.", "dose_gy", of="PROJECTION"),
    DoseValue(
        "reference_point",
        "113780",
        "code",
        "(113780, DCM) Reference Point Definition, where it is a code.",
        of="PROJECTION",
    ),
    DoseValue("fluoro_mode", "113732", "code", "(113732, DCM) Fluoro Mode.", of="PROJECTION"),
    DoseValue("pulse_rate", "113791", "number", "(113791, DCM) Pulse Rate, 1/s.", "rate", of="PROJECTION"),
    DoseValue("pulses", "113768", "number", "(113768, DCM) Number of Pulses.", "count", of="PROJECTION"),
    DoseValue(
        "pulse_width", "113793", "numbers", "(113793, DCM) Pulse Width, ms, in order.", "time_ms", of="PROJECTION"
    ),
    DoseValue(
        "exposure_times",
        "113735",
        "numbers",
        "(113735, DCM) Exposure Time of a projection event, ms, in order.",
        "time_ms",
        of="PROJECTION",
    ),
    DoseValue(
        "exposures", "113736", "numbers", "(113736, DCM) Exposure, uA.s, in order.", "charge_uas", of="PROJECTION"
    ),
    DoseValue(
        "average_tube_current",
        "113767",
        "number",
        "(113767, DCM) Average X-Ray Tube Current, mA.",
        "current_ma",
        of="PROJECTION",
    ),
    DoseValue(
        "irradiation_duration", "113742", "number", "(113742, DCM) Irradiation Duration, s.", "time_s", of="PROJECTION"
    ),
    DoseValue(
        "positioner_primary_angle",
        "112011",
        "number",
        "(112011, DCM) Positioner Primary Angle, degrees.",
        "angle",
        of="PROJECTION",
    ),
    DoseValue(
        "positioner_secondary_angle",
        "112012",
        "number",
        "(112012, DCM) Positioner Secondary Angle, degrees.",
        "angle",
        of="PROJECTION",
    ),
    DoseValue(
        "source_to_detector",
        "113750",
        "number",
        "(113750, DCM) Distance Source to Detector, mm.",
        "length_mm",
        of="PROJECTION",
    ),
    DoseValue(
        "source_to_isocenter",
        "113748",
        "number",
        "(113748, DCM) Distance Source to Isocenter, mm.",
        "length_mm",
        of="PROJECTION",
    ),
    DoseValue(
        "filter_types",
        "113772",
        "filter",
        "(113772, DCM) X-Ray Filter Type, one for each filter.",
        type=CODE_TYPE,
        of="PROJECTION",
    ),
    DoseValue(
        "filter_materials",
        "113757",
        "filter",
        "(113757, DCM) X-Ray Filter Material, one for each filter.",
        type=CODE_TYPE,
        of="PROJECTION",
    ),
    DoseValue(
        "filter_thickness_max",
        "113773",
        "filter",
        "(113773, DCM) X-Ray Filter Thickness Maximum, mm, one for each filter.",
        "length_mm",
        of="PROJECTION",
    ),
    DoseValue(
        "average_glandular_dose",
        "111631",
        "number",
        "(111631, DCM) Average Glandular Dose, mGy.",
        "dose_mgy",
        of="PROJECTION",
    ),
    DoseValue(
        "compression_thickness",
        "111633",
        "number",
        "(111633, DCM) Compression Thickness, mm.",
        "length_mm",
        of="PROJECTION",
    ),
    DoseValue("exposure_index", "113845", "number", "(113845, DCM) Exposure Index.", "count", of="PROJECTION"),
    DoseValue(
        "target_exposure_index", "113846", "number", "(113846, DCM) Target Exposure Index.", "count", of="PROJECTION"
    ),
    DoseValue("deviation_index", "113847", "number", "(113847, DCM) Deviation Index.", "count", of="PROJECTION"),
)
"""Values of events, in the order of the columns of ``dose_events``."""

FAULTS = (
    Field("unit_faults", "array<string>", "Columns that are null because a unit is unknown or absent. Null if none."),
    Field(
        "value_faults",
        "array<string>",
        "Columns that are null, or whose array has a null, because an item has no number, or several where one is "
        "expected, or because items contradict each other. Null if none.",
    ),
)

DOCUMENT_VALUES = (
    DoseValue("scope_of_accumulation", "113705", "code", "(113705, DCM) Scope of Accumulation."),
    DoseValue("irradiation_started", "113809", "datetime", "(113809, DCM) Start of X-Ray Irradiation, to the second."),
    DoseValue("irradiation_ended", "113810", "datetime", "(113810, DCM) End of X-Ray Irradiation, to the second."),
    DoseValue("device_observer_uid", "121012", "text", "(121012, DCM) Device Observer UID."),
    DoseValue("device_observer_name", "121013", "text", "(121013, DCM) Device Observer Name."),
    DoseValue("device_observer_manufacturer", "121014", "text", "(121014, DCM) Device Observer Manufacturer."),
    DoseValue("device_observer_model_name", "121015", "text", "(121015, DCM) Device Observer Model Name."),
    DoseValue("device_observer_serial_number", "121016", "text", "(121016, DCM) Device Observer Serial Number."),
)
"""Values of a document beside its events and totals."""

TOTALS = (
    DoseValue(
        "events_stated", "113812", "number", "(113812, DCM) Total Number of Irradiation Events.", "count", "bigint"
    ),
    DoseValue("dlp_total", "113813", "number", "(113813, DCM) CT Dose Length Product Total, mGy.cm.", "dlp"),
    DoseValue(
        "dose_area_product_total", "113722", "number", "(113722, DCM) Dose Area Product Total, Gy.m2.", "area_dose"
    ),
    DoseValue("dose_rp_total", "113725", "number", "(113725, DCM) Dose (RP) Total, Gy.", "dose_gy"),
    DoseValue(
        "fluoro_dose_area_product_total",
        "113726",
        "number",
        "(113726, DCM) Fluoro Dose Area Product Total, Gy.m2.",
        "area_dose",
    ),
    DoseValue(
        "acquisition_dose_area_product_total",
        "113727",
        "number",
        "(113727, DCM) Acquisition Dose Area Product Total, Gy.m2.",
        "area_dose",
    ),
    DoseValue("fluoro_dose_rp_total", "113728", "number", "(113728, DCM) Fluoro Dose (RP) Total, Gy.", "dose_gy"),
    DoseValue(
        "acquisition_dose_rp_total", "113729", "number", "(113729, DCM) Acquisition Dose (RP) Total, Gy.", "dose_gy"
    ),
    DoseValue("fluoro_time", "113730", "number", "(113730, DCM) Total Fluoro Time, s.", "time_s"),
    DoseValue(
        "frames",
        "113731",
        "number",
        "(113731, DCM) Total Number of Radiographic Frames.",
        "count",
        "bigint",
    ),
)
"""Numbers of the containers of accumulated dose, of which a biplane document has two."""

GLANDULAR = DoseValue("accumulated_average_glandular_dose", "111637", "filter", "", "dose_mgy")
"""The dose of a breast, of which a container of accumulated dose may have one for each side."""
