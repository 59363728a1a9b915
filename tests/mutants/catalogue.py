"""The mutants, by the rule that each breaks."""

from collections.abc import Sequence

from tests.mutants.mutant import Mutant

_LEASE = "services/queue/core/lease.py"
_MOVES = "services/queue/core/moves.py"
_BATCH = "services/queue/core/batch.py"
_LEDGER = "services/queue/core/ledger.py"
_PLACING = "services/queue/core/placing.py"
_SQLITE = "services/queue/adapters/sqlite/engine.py"
_SQL = "services/queue/adapters/sqlite/statements.sql"

FENCING: Sequence[Mutant] = (
    Mutant(
        "no fence",
        _LEASE,
        "    if job is None or job.token != lease.token or job.state not in ACTIVE:\n",
        "    if job is None or job.state not in ACTIVE:\n",
    ),
    Mutant("token not raised by a claim", _LEASE, "        token=job.token + 1,\n", "        token=job.token,\n"),
    Mutant(
        "token reset by a retry",
        _MOVES,
        "            max_attempts=job.attempt + policy.max_attempts,\n",
        "            max_attempts=job.attempt + policy.max_attempts,\n            token=0,\n",
    ),
    Mutant(
        "expired lease renewable",
        _LEASE,
        "    if job.state not in ACTIVE or is_expired(job, now_ms):\n",
        "    if job.state not in ACTIVE:\n",
    ),
    Mutant(
        "retry after commit",
        _LEASE,
        "    if unknown and not job.resend_unknown:\n",
        "    if unknown and not job.resend_unknown and not error.retryable:\n",
    ),
    Mutant(
        "retry despite cancel",
        _LEASE,
        "    if job.cancel_requested and not job.send_committed and not unknown:\n"
        "        return ended(job, now_ms, State.CANCELLED)\n"
        "    extra_runs = job.max_attempts - policy.max_attempts\n"
        "    max_attempts = job.max_attempts + (_is_put_off(error, retry_after_s) and extra_runs < MAX_EXTRA_RUNS)\n"
        "    has_attempts = job.attempt < max_attempts\n"
        "    if (error.retryable or unknown) and not job.cancel_requested and has_attempts:\n",
        "    extra_runs = job.max_attempts - policy.max_attempts\n"
        "    max_attempts = job.max_attempts + (_is_put_off(error, retry_after_s) and extra_runs < MAX_EXTRA_RUNS)\n"
        "    has_attempts = job.attempt < max_attempts\n"
        "    if (error.retryable or unknown) and has_attempts:\n",
    ),
    Mutant("no attempt limit", _LEASE, "has_attempts = job.attempt < max_attempts\n", "has_attempts = True\n"),
    Mutant(
        "no owner limit in a batch",
        _BATCH,
        "place(due, open_offers, lambda job: self.ledger.may_run(job.owner))\n",
        "place(due, open_offers, lambda job: True)\n",
    ),
    Mutant(
        "nothing waits after a claim",
        _BATCH,
        "        return any(self.ledger.count_by_state[state] for state in WAITING)\n",
        "        return False\n",
    ),
    Mutant(
        "no event for a change",
        _BATCH,
        "        self.changes.append(change_of(after, event))\n",
        "        if before is None or before.state is not after.state:\n"
        "            self.changes.append(change_of(after, event))\n",
    ),
    Mutant(
        "CommitSend ignoring cancel",
        _MOVES,
        "        _refuse_cancelled(job)\n        if job.state is not State.SENDING:\n",
        "        if job.state is not State.SENDING:\n",
    ),
)
"""The rules that keep a message from going out twice, and a job from being lost."""

OTHERS: Sequence[Mutant] = (
    Mutant(
        "BeginSend ignoring cancel",
        _MOVES,
        "        _refuse_cancelled(job)\n        if job.state is State.SENDING:\n",
        "        if job.state is State.SENDING:\n",
    ),
    Mutant(
        "silence after commit is retried",
        _LEASE,
        "error, unknown=job.send_committed)\n",
        "error, unknown=False)\n",
    ),
    Mutant(
        "a cancelled message is sent again when twice is fine",
        _LEASE,
        "    if (error.retryable or unknown) and not job.cancel_requested and ",
        "    if (error.retryable or unknown) and ",
    ),
    Mutant(
        "an unknown delivery retried without the owner's word",
        _MOVES,
        "        if unknown and not self.allow_duplicate_delivery:\n",
        "        if unknown and job.cancel_requested and not self.allow_duplicate_delivery:\n",
    ),
    Mutant(
        "a completed job answers any token",
        _MOVES,
        "job.state is State.COMPLETED and job.token == self.lease.token:\n",
        "job.state is State.COMPLETED:\n",
    ),
    Mutant(
        "release after commit",
        _MOVES,
        "        if job.send_committed:\n            raise lease_lost(self.lease)\n        return released",
        "        return released",
    ),
    Mutant(
        "release charging an attempt", _LEASE, "state=State.QUEUED, attempt=job.attempt - 1, ", "state=State.QUEUED, "
    ),
    Mutant(
        "a hand-back of a run that never was",
        _MOVES,
        "job.state is State.QUEUED and job.token == self.lease.token > 0:\n",
        "job.state is State.QUEUED and job.token == self.lease.token:\n",
    ),
    Mutant("a wait of Telegram's is charged", _LEASE, "            max_attempts=max_attempts,\n", ""),
    Mutant(
        "a commit that outlives its run",
        _LEASE,
        '"deadline_ms": None, "send_committed": False}',
        '"deadline_ms": None}',
    ),
    Mutant(
        "deadline not looked at",
        _LEASE,
        "        and (job.lease_until_ms < now_ms or job.deadline_ms < now_ms)\n",
        "        and job.lease_until_ms < now_ms\n",
    ),
    Mutant(
        "reaper not repeating its predicate",
        _BATCH,
        "[job for job_id in self.expired if is_expired(job := self._jobs[job_id], self.now_ms)][:limit]\n",
        "[self._jobs[job_id] for job_id in self.expired][:limit]\n",
    ),
    Mutant(
        "a stale beat renews",
        _BATCH,
        "        if job is None or job.token != lease.token:\n",
        "        if job is None:\n",
    ),
    Mutant(
        "a retry by hand is not admitted",
        _BATCH,
        "                self.ledger.admit(job.owner)\n                after = ",
        "                after = ",
    ),
    Mutant(
        "any owner may call",
        _MOVES,
        "    if job is None or (owner and job.owner != owner):\n",
        "    if job is None:\n",
    ),
    Mutant(
        "a job that waits for its next run does not count as waiting",
        _LEDGER,
        "        waiting = sum(self.count_by_state[state] for state in WAITING)\n",
        "        waiting = self.count_by_state[State.QUEUED]\n",
    ),
    Mutant(
        "a key that met a twin is forgotten",
        _BATCH,
        "                self.aliases.append(Alias(*key, twin_id, new.spec))\n",
        "",
    ),
    Mutant(
        "a cancelled job is found by its twin",
        _LEDGER,
        "        if after.state not in ENDED and not after.cancel_requested:\n",
        "        if after.state not in ENDED:\n",
    ),
    Mutant(
        "a slot before its run is over",
        _PLACING,
        "slots + sum(map(is_over, self.ending))",
        "slots + len(self.ending)",
    ),
    Mutant(
        "published and not kept",
        _SQLITE,
        "(change.event for change in batch.changes)\n",
        "(change.event for change in batch.changes[:1])\n",
    ),
    Mutant(
        "a deadline that nobody looks for", _SQL, "(lease_until_ms < ?1 OR deadline_ms < ?1)", "lease_until_ms < ?1"
    ),
    Mutant("given out before it is due", _SQL, " AND not_before_ms <= ? AND ", " AND not_before_ms <= ? + 99999 AND "),
    Mutant(
        "blamed for the queue's absence", _SQLITE, "        if self._was_away:\n", "        if not self._sequence:\n"
    ),
)

MUTANTS = (*FENCING, *OTHERS)
