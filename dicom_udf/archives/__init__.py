"""The content of an object: itself, or the files of the archive it is, nested ones included."""

from dicom_udf.archives.formats import ARCHIVE_ENDINGS, ZIP
from dicom_udf.archives.limits import Limits
from dicom_udf.archives.member import Foreseeing, Member, MemberFault, ZipRange
from dicom_udf.archives.split import split_zip
from dicom_udf.archives.walk import members, wanted_members

__all__ = [
    "ARCHIVE_ENDINGS",
    "ZIP",
    "Foreseeing",
    "Limits",
    "Member",
    "MemberFault",
    "ZipRange",
    "members",
    "split_zip",
    "wanted_members",
]
