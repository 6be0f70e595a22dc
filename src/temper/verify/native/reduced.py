"""What the search needs where states stand for others, as LLVM's text with a `$` before what depends on the model."""

from __future__ import annotations

REDUCED = """
define internal ptr @expand(ptr noalias readonly %state, i64 %number, ptr noalias %out, ptr noalias %own) {
entry:
  %end = call ptr @steps(ptr %state, i64 %number, ptr %out, ptr %own)
  br label %next
next:
  %each = phi ptr [%out, %entry], [%each.n, %some]
  %past = icmp uge ptr %each, %end
  br i1 %past, label %done, label %some
some:
  call void @least(ptr %each)
  %each.n = getelementptr i8, ptr %each, i64 $size
  br label %next
done:
  ret ptr %end
}
"""
"""Each state that follows, replaced by the one that stands for it."""

LOWEST = """
define void @lowest(ptr %state) {
  call void @least(ptr %state)
  ret void
}
"""
"""The state that stands for one, in its place."""

MEANT = """
define i64 @meant(ptr %shared) {
entry:
$load_queue
$load_tail
$load_nodes
$load_owns
  %own = load ptr, ptr %owns
  br label %next
next:
  %i = phi i64 [0, %entry], [%i.n, %next]
  %sum = phi i64 [0, %entry], [%sum.n, %next]
  %s = call ptr @state_at(ptr %queue, i64 %i, ptr %own, ptr %nodes)
  %many = call i64 @orbit(ptr %s)
  %sum.n = add i64 %sum, %many
  %i.n = add i64 %i, 1
  %end = icmp eq i64 %i.n, %tail
  br i1 %end, label %done, label %next
done:
  ret i64 %sum.n
}
"""
"""How many states all those in the queue stand for."""
