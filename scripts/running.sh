# Sourced by scripts/up and scripts/down.

# Whether the process in $pid_file is there, is ours and has not ended: numbers are used again, and
# an ended process keeps its number until somebody has asked how it ended.
running() {
    local status
    [ -s "$pid_file" ] || return 1
    status=$(cat "/proc/$(cat "$pid_file")/status" 2>/dev/null) || return 1
    grep -q '^Name:[[:space:]]*aim$' <<<"$status" && ! grep -q '^State:[[:space:]]*[ZX]' <<<"$status"
}
