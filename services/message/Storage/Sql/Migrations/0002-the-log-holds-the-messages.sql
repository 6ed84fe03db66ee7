-- A message is in the log, whole and once (docs/adr/0009). Nothing has ever changed one, so that the log is all there is to know.

drop table messages;
