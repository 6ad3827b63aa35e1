#!/bin/sh
# The container of an executor pool in nothing but a shell: it needs `mv` and `test`.
# The result is looked for first and the task second (docs/reference/executor.md says why).
cd "${PLOTO_DIR:-/ploto}" || exit 1
while :; do
  if test ! -e result.json && test -e task.json; then
    cat task.json
    echo '{"phase": "Completed", "message": "printed"}' > result.json.new
    mv result.json.new result.json
  fi
  sleep 0.1
done
