# What zsh completes with the package installed: words are typed on a terminal of its own, each with a tab behind it, as a person does.
zmodload zsh/zpty || exit 1
zpty shell zsh -f -i
# ctrl-t shows the line as it is now, and empties it.
zpty -w shell 'PS1= PS2=; autoload -U compinit; compinit -u; show() { print -r -- "<<$BUFFER>>"; BUFFER= }; zle -N show; bindkey "^T" show; bindkey "^I" complete-word; print "ready $((1 + 1))"'
zpty -r -m shell said '*ready 2*' || exit 1

# completes <expected> <line>: the last word of the line is unfinished.
completes() {
	zpty -w -n shell "$2"$'\t\x14'
	zpty -r -m shell said '*<<*>>*'
	[[ $said == *"<<$1"* ]] || { print -r -- "\"$2\" becomes: $said" && exit 1 }
}

completes 'leat topic ' 'leat top'
completes 'leat topic create ' 'leat topic cr'
completes 'leat server --log-format' 'leat server --log-f'
completes 'leat server --log-format json' 'leat server --log-format js'
completes 'leat server --set log.retention.bytes=' 'leat server --set log.retention.b'
completes 'leat completion zsh' 'leat completion zs'
zpty -d shell
