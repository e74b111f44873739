"""The most probable people of several faces are those that scipy finds; nobody is there twice."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from siamese.assignment import assign, most_probable


def test_an_assignment_is_as_good_as_the_best() -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        rows = int(random.integers(1, 8))
        gains = random.normal(size=(rows, rows + random.integers(0, 5))).round(1)  # with ties
        columns = assign(gains)
        assert len(set(columns)) == rows
        best = gains[linear_sum_assignment(gains, maximize=True)].sum()
        assert np.isclose(gains[range(rows), columns].sum(), best)


def test_any_number_of_faces_may_be_nobody() -> None:
    random = np.random.default_rng(1)
    for _ in range(200):
        faces, people = random.integers(1, 7), int(random.integers(1, 30))
        weights = random.normal(size=(faces, people + 1))
        given = most_probable(weights)
        named = [person for person in given if person is not None]
        assert len(set(named)) == len(named)
        places = [people if person is None else person for person in given]
        everything = np.hstack([weights, np.repeat(weights[:, -1:], faces - 1, axis=1)])
        best = everything[linear_sum_assignment(everything, maximize=True)].sum()
        assert np.isclose(weights[range(faces), places].sum(), best)


def test_a_person_goes_to_the_face_that_needs_them_most() -> None:
    """Each face is most like the first person; the second face could be nobody else."""
    assert most_probable(np.array([[5.0, 4.8, 0.0], [4.9, -3.0, 0.0]])) == [1, 0]
    assert most_probable(np.array([[5.0, 0.0], [4.0, 0.0], [-1.0, 0.0]])) == [0, None, None]
