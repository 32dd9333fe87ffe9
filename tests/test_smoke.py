from tests.people import Person


def test_it(alice: Person, mallory: Person) -> None:
    task = alice.create()
    assert alice.find(task["id"]) == task
    assert mallory.find(task["id"]) is None
