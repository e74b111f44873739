"""The words of what speaks English only: the API, and the server to whoever runs it.

Names in braces are put in later.
"""

ENDPOINTS = {
    "verify": (
        "Say whether two photos show the same person, with a calibrated probability. Not for access"
        " control, surveillance or decisions about people. Photos are not kept."
    ),
    "pick": (
        "Say which of several people a photo shows, or that it is none of them. Not for access"
        " control, surveillance or decisions about people. Photos are not kept."
    ),
}
PHOTO_FOR_API = "as an uploaded file or a data URL (data:image/jpeg;base64,...)"
PHOTO_FOR_TOOLS = "as a data URL (data:image/jpeg;base64,...), since web addresses are not fetched"
_POINT = (
    "How careful “same” is: careful (1 % false matches), very_careful (0.1 %), balanced (both"
    " errors equally often), or a false match rate that was measured, as fmr=0.0005."
)
_POPULATION = (
    "Who else it could be: anybody, peers (people of the same sex, age group and origin), children"
    " or relatives, as far as the checkpoint has them. Nothing of this is guessed from the photos."
)
PARAMETERS = {
    "verify": {
        "first": "A photo, {photo}.",
        "second": "The other photo, {photo}.",
        "operating_point": _POINT,
        "prior": "How probable “same person” was beforehand, between 0 and 1, both excluded.",
        "first_face": (
            "Only this face of the first photo, counted from 0; all are compared if null."
        ),
        "second_face": (
            "Only this face of the second photo, counted from 0; all are compared if null."
        ),
        "more_faces": "Look for small faces beside large ones too, which takes longer.",
        "population": _POPULATION,
    },
    "pick": {
        "query": "A photo of the person to look for, {photo}.",
        "support": "Photos of the people to choose from, at most 200, each {photo}.",
        "names": (
            "The person in each support photo; photos of the same name count as one person. If"
            " null, the file names tell: those that differ only by a number at the end are of one"
            " person, unless the network finds that they are not."
        ),
        "operating_point": _POINT,
        "none_prior": (
            "How probable “none of these” was beforehand, between 0 and 1, both excluded."
        ),
        "query_face": (
            "Which face of the query the answer is about, counted from 0; the most prominent one if"
            " null. each_face is about all."
        ),
        "more_faces": "Look for small faces in the query too, which takes longer.",
        "population": _POPULATION,
        "group": (
            "Join people whom the network takes for one, and part those whom it takes for several."
        ),
    },
}
ANSWER = "answer"
ANSWERS = {
    "verify": (
        "Answers with JSON: decision (same, uncertain or different), probability,"
        " log10_likelihood_ratio with its bounds, that of all_pairs of faces (the answer is about"
        " the most alike one), operating_point with its measured error rates, photos with the faces"
        " found and warnings, checkpoint."
    ),
    "pick": (
        "Answers with JSON: identity (null for none of these), ranking with probabilities,"
        " none_probability, margin, each_face (who every face of the query is, no two the same"
        " person; empty where there is one), unusable (photos that were left out, and why),"
        " proposals (who seems to be one person, and who several), checkpoint."
    ),
}
WRONG = "“{parameter}” has to be {wanted}."
WANTED = {
    "photo": "a data URL or the description of an uploaded file",
    "photos": "a list of data URLs or descriptions of uploaded files",
    "names": "a list of names that are not empty, one for each support photo, or null",
    "point": "the name of an operating point, or a rate as fmr=0.0005",
    "prior": "a number between 0 and 1",
    "population": "the name of a population",
    "face": "a whole number or null",
    "flag": "true or false",
}

NO_NAMES = "There are {photos} support photos but {names} names; give one name for each photo."
TOO_MANY_SUPPORT = "At most {limit} support photos are accepted in one request; there are {photos}."
UNKNOWN_TOOL = "There is no tool called “{name}”; there are verify and pick."
TOO_FEW_VALUES = "This call takes {wanted} values, of which {given} came."
NOT_APART = "Photos are decoded in the server's own process, since no other can do it here: {why}"
