-- kind: expand
-- What a program has in hand of a stream that was set aside (streams.md §4.6): only its failure moves the stream on. A
-- failure of anything else, such as the next event of the batch in which the stream failed, leaves it where it is.
alter table course_exception
  -- End, exclusive, of the numbers that were handed out as a retry and of which none was refused since.
  add column handed_until bigint not null default 0;
