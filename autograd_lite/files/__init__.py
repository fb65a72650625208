"""Files of arrays and plain values, for models, checkpoints and compiled functions: written whole, read without trust.

`write_arrays` and `read_arrays` are for arrays with a description, `Codec` turns values into those of JSON and back,
and `refused_as` turns every exception that damaged input causes in a reader into one error.
"""

from .json_codec import (
    FORMS as FORMS,
    Codec as Codec,
    Form as Form,
    arrays_by_name as arrays_by_name,
    dtype_named as dtype_named,
    free_name as free_name,
    number_of as number_of,
    number_text as number_text,
    one_entry as one_entry,
)
from .kinds import HDF5 as HDF5, KERAS as KERAS, kind_of as kind_of
from .refusals import (
    PlainText as PlainText,
    SavedFileError as SavedFileError,
    Unreadable as Unreadable,
    clip_text as clip_text,
    depth_of as depth_of,
    nth as nth,
    of_kind as of_kind,
    parse_json as parse_json,
    refuse as refuse,
    refused_as as refused_as,
)
from .safetensors import (
    STORED as STORED,
    read_arrays as read_arrays,
    readable as readable,
    write_arrays as write_arrays,
)
