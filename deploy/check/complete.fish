# What fish completes with the package installed: its file is found by name, as on the first tab.

# completes <expected> <line>: the last word of the line is unfinished.
function completes
	set -l said (complete -C $argv[2])
	if not string match -qr -- "^$argv[1]" $said
		echo "\"$argv[2]\" completes to: $said"
		exit 1
	end
end

completes topic 'leat top'
completes create 'leat topic cr'
completes --log-format 'leat server --log-f'
completes json 'leat server --log-format js'
completes log.retention.ms= 'leat server --set log.retention.m'
completes fish 'leat completion fi'
