"""Photos from outside: any picture a person would upload -> an upright RGB picture."""

from siamese.photos.decode import Load, load
from siamese.photos.decoder_process import DecoderProcess
from siamese.photos.files import file_name, files_below, is_hidden, photos_below, readable
from siamese.photos.photo import Box, Caption, Photo, Source
from siamese.photos.sources import MAX_BYTES

__all__ = [
    "MAX_BYTES",
    "Box",
    "Caption",
    "DecoderProcess",
    "Load",
    "Photo",
    "Source",
    "file_name",
    "files_below",
    "is_hidden",
    "load",
    "photos_below",
    "readable",
]
