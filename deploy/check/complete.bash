# What bash completes with the package installed: its file is found by the loader of bash-completion, as on the first tab.
. /usr/share/bash-completion/bash_completion
_completion_loader leat
complete -p leat || exit 1

# completes <expected> <word>...: the last word is unfinished.
completes() {
	local expected=$1
	shift
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_TYPE=9 COMPREPLY=()
	COMP_POINT=${#COMP_LINE}
	__start_leat "$1" "${*: -1}" "${*: -2:1}"
	printf '%s\n' "${COMPREPLY[@]}" | grep -qE -- "^$expected" || {
		echo "\"$*\" completes to: ${COMPREPLY[*]}"
		exit 1
	}
}

completes topic leat top
completes create leat topic cr
completes --log-format leat server --log-f
completes json leat server --log-format js
completes log.retention.ms= leat server --set log.retention.m
completes bash leat completion ba
