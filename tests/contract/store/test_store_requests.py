"""What a store promises about the memory of requests as such."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from store_values import LATER, NOW, a_request, a_study, a_trial
from trimtab_service.domain.study import Study
from trimtab_service.store import sql_requests
from trimtab_service.store.base import Store


@pytest.fixture
def study(store: Store) -> Study:
    """A study with one trial."""
    study = store.create_study(a_study(), None)
    store.append_trials(study, [a_trial(1)], None)
    return study


def test_an_answered_request_is_known(store: Store, study: Study) -> None:
    """In its scope only, and before it is answered not at all."""
    request = a_request()
    before = store.replayed(study.uid, request)
    store.extend_lease(study, 1, LATER, request)
    assert (before, store.replayed(study.uid, request), store.replayed("namespaces/lab", request)) == (
        False,
        True,
        False,
    )


def test_old_requests_are_forgotten(store: Store, study: Study) -> None:
    """Younger ones stay; a forgotten id is as good as a fresh one."""
    requests = [a_request(method="ExtendLease") for _ in range(3)]
    for request in requests:
        store.extend_lease(study, 1, LATER, request)
    now = datetime.now(UTC)
    assert store.forget_requests(now - timedelta(hours=1)) == 0
    assert store.forget_requests(now + timedelta(hours=1)) == 3
    assert store.extend_lease(study, 1, NOW, requests[0]) == NOW


def test_any_number_of_requests_is_forgotten(store: Store, study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some at a time, so that nobody waits long, until none is left."""
    for _ in range(7):
        store.extend_lease(study, 1, LATER, a_request())
    monkeypatch.setattr(sql_requests, "FORGOTTEN_AT_ONCE", 3)
    assert store.forget_requests(datetime.now(UTC) + timedelta(hours=1)) == 7
