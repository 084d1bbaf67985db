# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_charmer_global_optspecs
    string join \n h/help V/version
end

function __fish_charmer_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_charmer_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_charmer_using_subcommand
    set -l cmd (__fish_charmer_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c charmer -n "__fish_charmer_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c charmer -n "__fish_charmer_needs_command" -s V -l version -d 'Print version'
complete -c charmer -n "__fish_charmer_needs_command" -f -a "plan" -d 'Show every job that a compose would do, before anything runs'
complete -c charmer -n "__fish_charmer_needs_command" -f -a "compose" -d 'Make a whole compose'
complete -c charmer -n "__fish_charmer_needs_command" -f -a "resume" -d 'Go on with a compose that was stopped, failed or died'
complete -c charmer -n "__fish_charmer_needs_command" -f -a "lock" -d 'Write the lock: the exact packages that a compose would take'
complete -c charmer -n "__fish_charmer_needs_command" -f -a "why" -d 'Show why a package is in a compose: the chain from a seed to it'
complete -c charmer -n "__fish_charmer_needs_command" -f -a "verify" -d 'Prove a finished compose anew: every file against its checksum, every signature, every image against the lock'
complete -c charmer -n "__fish_charmer_needs_command" -f -a "installability" -d 'Tell which packages of an apt archive cannot be installed, a line for each with the reason'
complete -c charmer -n "__fish_charmer_needs_command" -f -a "config" -d 'Check a configuration, show it as charmer understands it, or print the schema of all configurations'
complete -c charmer -n "__fish_charmer_needs_command" -f -a "convert" -d 'Write one of Pungi\'s configurations as TOML, with its variants and without patterns'
complete -c charmer -n "__fish_charmer_needs_command" -f -a "list" -d 'List the composes in a folder with their status'
complete -c charmer -n "__fish_charmer_needs_command" -f -a "status" -d 'Show how far a compose is: what runs, what is done, what failed, what remains'
complete -c charmer -n "__fish_charmer_needs_command" -f -a "prune" -d 'Remove old composes, and files of the cache that no compose has been given lately; without --yes, only show what would go'
complete -c charmer -n "__fish_charmer_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c charmer -n "__fish_charmer_using_subcommand plan" -l format -d 'How to show the plan' -r -f -a "tree\t'Phases and their jobs, as indented text'
json\t'One JSON document'
dot\t'A graph for Graphviz'
svg\t'A picture'"
complete -c charmer -n "__fish_charmer_using_subcommand plan" -l only -d 'Do only these phases and what they need' -r -f -a "init\t''
pkgset\t''
gather\t''
lock\t''
fetch\t''
createrepo\t''
buildinstall\t''
extra-files\t''
repoclosure\t''
rootfs\t''
container\t''
live\t''
image-build\t''
ostree\t''
createiso\t''
extra-isos\t''
test\t''
boot\t''
image-checksum\t''
metadata\t''
push\t''"
complete -c charmer -n "__fish_charmer_using_subcommand plan" -l skip -d 'Leave out these phases and what cannot be without them; one of: init, pkgset, gather, lock, fetch, createrepo, buildinstall, extra-files, repoclosure, rootfs, container, live, image-build, ostree, createiso, extra-isos, test, boot, image-checksum, metadata, push' -r -f -a "init\t''
pkgset\t''
gather\t''
lock\t''
fetch\t''
createrepo\t''
buildinstall\t''
extra-files\t''
repoclosure\t''
rootfs\t''
container\t''
live\t''
image-build\t''
ostree\t''
createiso\t''
extra-isos\t''
test\t''
boot\t''
image-checksum\t''
metadata\t''
push\t''"
complete -c charmer -n "__fish_charmer_using_subcommand plan" -l images -d 'Make of the images only those whose names match, and what they are made of; `charmer plan` shows the names, such as Server.amd64.live. `*` stands for any characters' -r
complete -c charmer -n "__fish_charmer_using_subcommand plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c charmer -n "__fish_charmer_using_subcommand compose" -l target-dir -d 'The folder in which the compose gets a folder of its own' -r -F
complete -c charmer -n "__fish_charmer_using_subcommand compose" -l type -d 'What the compose is for; it becomes part of its name' -r -f -a "production\t'A release or a candidate for one'
nightly\t'Made every night'
test\t'Made to try something'
ci\t'Made by continuous integration'
development\t'Made while developing'"
complete -c charmer -n "__fish_charmer_using_subcommand compose" -l label -d 'The milestone that the compose is a candidate for, such as RC-1.0' -r
complete -c charmer -n "__fish_charmer_using_subcommand compose" -l lock -d 'Take exactly the packages of this lock and read no index at all' -r -F
complete -c charmer -n "__fish_charmer_using_subcommand compose" -l only -d 'Do only these phases and what they need' -r -f -a "init\t''
pkgset\t''
gather\t''
lock\t''
fetch\t''
createrepo\t''
buildinstall\t''
extra-files\t''
repoclosure\t''
rootfs\t''
container\t''
live\t''
image-build\t''
ostree\t''
createiso\t''
extra-isos\t''
test\t''
boot\t''
image-checksum\t''
metadata\t''
push\t''"
complete -c charmer -n "__fish_charmer_using_subcommand compose" -l skip -d 'Leave out these phases and what cannot be without them; one of: init, pkgset, gather, lock, fetch, createrepo, buildinstall, extra-files, repoclosure, rootfs, container, live, image-build, ostree, createiso, extra-isos, test, boot, image-checksum, metadata, push' -r -f -a "init\t''
pkgset\t''
gather\t''
lock\t''
fetch\t''
createrepo\t''
buildinstall\t''
extra-files\t''
repoclosure\t''
rootfs\t''
container\t''
live\t''
image-build\t''
ostree\t''
createiso\t''
extra-isos\t''
test\t''
boot\t''
image-checksum\t''
metadata\t''
push\t''"
complete -c charmer -n "__fish_charmer_using_subcommand compose" -l images -d 'Make of the images only those whose names match, and what they are made of; `charmer plan` shows the names, such as Server.amd64.live. `*` stands for any characters' -r
complete -c charmer -n "__fish_charmer_using_subcommand compose" -l jobs -d 'How many jobs run at once; the configuration or the machine decides if it is not given' -r
complete -c charmer -n "__fish_charmer_using_subcommand compose" -l old-composes -d 'Composes, or folders of composes, whose unchanged outputs are used again' -r -F
complete -c charmer -n "__fish_charmer_using_subcommand compose" -l cache-dir -d 'The folder for downloads, shared by all composes; ~/.cache/charmer if it is not given' -r -F
complete -c charmer -n "__fish_charmer_using_subcommand compose" -l message-format -d 'For people, or the event stream as one JSON document per line on stdout' -r -f -a "human\t''
json\t''"
complete -c charmer -n "__fish_charmer_using_subcommand compose" -l locked -d 'Fail if the lock beside the configuration would have to change'
complete -c charmer -n "__fish_charmer_using_subcommand compose" -l offline -d 'Use no network: everything must be in the cache'
complete -c charmer -n "__fish_charmer_using_subcommand compose" -l no-latest-link -d 'Do not move the link `latest-SHORT-MAJOR` to this compose'
complete -c charmer -n "__fish_charmer_using_subcommand compose" -s q -l quiet -d 'Show only failures and the last line'
complete -c charmer -n "__fish_charmer_using_subcommand compose" -s v -l verbose -d 'Show also what jobs say and why each of them runs'
complete -c charmer -n "__fish_charmer_using_subcommand compose" -l explain-reuse -d 'Show why the older output of a job could not be used again'
complete -c charmer -n "__fish_charmer_using_subcommand compose" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c charmer -n "__fish_charmer_using_subcommand resume" -l jobs -d 'How many jobs run at once' -r
complete -c charmer -n "__fish_charmer_using_subcommand resume" -l cache-dir -d 'The folder for downloads, shared by all composes; ~/.cache/charmer if it is not given' -r -F
complete -c charmer -n "__fish_charmer_using_subcommand resume" -l message-format -d 'For people, or the event stream as one JSON document per line on stdout' -r -f -a "human\t''
json\t''"
complete -c charmer -n "__fish_charmer_using_subcommand resume" -l offline -d 'Use no network: everything must be in the cache'
complete -c charmer -n "__fish_charmer_using_subcommand resume" -s q -l quiet -d 'Show only failures and the last line'
complete -c charmer -n "__fish_charmer_using_subcommand resume" -s v -l verbose -d 'Show also what jobs say and why each of them runs'
complete -c charmer -n "__fish_charmer_using_subcommand resume" -l explain-reuse -d 'Show why the older output of a job could not be used again'
complete -c charmer -n "__fish_charmer_using_subcommand resume" -s h -l help -d 'Print help'
complete -c charmer -n "__fish_charmer_using_subcommand lock" -s o -l output -d 'Where to write the lock; beside the configuration if it is not given' -r -F
complete -c charmer -n "__fish_charmer_using_subcommand lock" -l update -d 'Take the newest versions of these packages, or of all if none is named; the others keep theirs' -r
complete -c charmer -n "__fish_charmer_using_subcommand lock" -l cache-dir -d 'The folder for downloads, shared by all composes; ~/.cache/charmer if it is not given' -r -F
complete -c charmer -n "__fish_charmer_using_subcommand lock" -l message-format -d 'For people, or the event stream as one JSON document per line on stdout' -r -f -a "human\t''
json\t''"
complete -c charmer -n "__fish_charmer_using_subcommand lock" -l offline -d 'Use no network: the indexes must be in the cache'
complete -c charmer -n "__fish_charmer_using_subcommand lock" -s q -l quiet -d 'Show only failures and the last line'
complete -c charmer -n "__fish_charmer_using_subcommand lock" -s v -l verbose -d 'Show also what jobs say and why each of them runs'
complete -c charmer -n "__fish_charmer_using_subcommand lock" -l explain-reuse -d 'Show why the older output of a job could not be used again'
complete -c charmer -n "__fish_charmer_using_subcommand lock" -s h -l help -d 'Print help'
complete -c charmer -n "__fish_charmer_using_subcommand why" -l variant -d 'Look only into this variant' -r
complete -c charmer -n "__fish_charmer_using_subcommand why" -s h -l help -d 'Print help'
complete -c charmer -n "__fish_charmer_using_subcommand verify" -s h -l help -d 'Print help'
complete -c charmer -n "__fish_charmer_using_subcommand installability" -l arch -d 'The arch of the system that they are installed on' -r
complete -c charmer -n "__fish_charmer_using_subcommand installability" -l background -d 'A Packages file whose packages may be needed, and are not checked; may be given again' -r -F
complete -c charmer -n "__fish_charmer_using_subcommand installability" -s h -l help -d 'Print help'
complete -c charmer -n "__fish_charmer_using_subcommand config; and not __fish_seen_subcommand_from check schema show help" -s h -l help -d 'Print help'
complete -c charmer -n "__fish_charmer_using_subcommand config; and not __fish_seen_subcommand_from check schema show help" -f -a "check" -d 'Report everything that is wrong with a configuration, each at its line and column'
complete -c charmer -n "__fish_charmer_using_subcommand config; and not __fish_seen_subcommand_from check schema show help" -f -a "schema" -d 'Print the JSON schema of configurations'
complete -c charmer -n "__fish_charmer_using_subcommand config; and not __fish_seen_subcommand_from check schema show help" -f -a "show" -d 'Print a configuration with all defaults, patterns and overrides resolved, as JSON'
complete -c charmer -n "__fish_charmer_using_subcommand config; and not __fish_seen_subcommand_from check schema show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c charmer -n "__fish_charmer_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c charmer -n "__fish_charmer_using_subcommand config; and __fish_seen_subcommand_from schema" -s h -l help -d 'Print help'
complete -c charmer -n "__fish_charmer_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c charmer -n "__fish_charmer_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "check" -d 'Report everything that is wrong with a configuration, each at its line and column'
complete -c charmer -n "__fish_charmer_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "schema" -d 'Print the JSON schema of configurations'
complete -c charmer -n "__fish_charmer_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print a configuration with all defaults, patterns and overrides resolved, as JSON'
complete -c charmer -n "__fish_charmer_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c charmer -n "__fish_charmer_using_subcommand convert" -s o -l output -d 'The file to write. Its paths lead where those of the source led' -r -F
complete -c charmer -n "__fish_charmer_using_subcommand convert" -l force -d 'Overwrite the file if it is there'
complete -c charmer -n "__fish_charmer_using_subcommand convert" -s h -l help -d 'Print help'
complete -c charmer -n "__fish_charmer_using_subcommand list" -s h -l help -d 'Print help'
complete -c charmer -n "__fish_charmer_using_subcommand status" -l format -d 'For people, or one JSON document' -r -f -a "human\t''
json\t''"
complete -c charmer -n "__fish_charmer_using_subcommand status" -s h -l help -d 'Print help'
complete -c charmer -n "__fish_charmer_using_subcommand prune" -l keep -d 'How many of the newest composes that finished are kept, of each release and type' -r
complete -c charmer -n "__fish_charmer_using_subcommand prune" -l keep-failed -d 'How many of the newest composes that did not finish are kept, of each release and type' -r
complete -c charmer -n "__fish_charmer_using_subcommand prune" -l unused-days -d 'Files of the cache go that no kept compose has, and that no compose was given for so many days' -r
complete -c charmer -n "__fish_charmer_using_subcommand prune" -l cache-dir -d 'The folder for downloads; ~/.cache/charmer if it is not given' -r -F
complete -c charmer -n "__fish_charmer_using_subcommand prune" -l yes -d 'Remove what would go'
complete -c charmer -n "__fish_charmer_using_subcommand prune" -s h -l help -d 'Print help'
complete -c charmer -n "__fish_charmer_using_subcommand help; and not __fish_seen_subcommand_from plan compose resume lock why verify installability config convert list status prune help" -f -a "plan" -d 'Show every job that a compose would do, before anything runs'
complete -c charmer -n "__fish_charmer_using_subcommand help; and not __fish_seen_subcommand_from plan compose resume lock why verify installability config convert list status prune help" -f -a "compose" -d 'Make a whole compose'
complete -c charmer -n "__fish_charmer_using_subcommand help; and not __fish_seen_subcommand_from plan compose resume lock why verify installability config convert list status prune help" -f -a "resume" -d 'Go on with a compose that was stopped, failed or died'
complete -c charmer -n "__fish_charmer_using_subcommand help; and not __fish_seen_subcommand_from plan compose resume lock why verify installability config convert list status prune help" -f -a "lock" -d 'Write the lock: the exact packages that a compose would take'
complete -c charmer -n "__fish_charmer_using_subcommand help; and not __fish_seen_subcommand_from plan compose resume lock why verify installability config convert list status prune help" -f -a "why" -d 'Show why a package is in a compose: the chain from a seed to it'
complete -c charmer -n "__fish_charmer_using_subcommand help; and not __fish_seen_subcommand_from plan compose resume lock why verify installability config convert list status prune help" -f -a "verify" -d 'Prove a finished compose anew: every file against its checksum, every signature, every image against the lock'
complete -c charmer -n "__fish_charmer_using_subcommand help; and not __fish_seen_subcommand_from plan compose resume lock why verify installability config convert list status prune help" -f -a "installability" -d 'Tell which packages of an apt archive cannot be installed, a line for each with the reason'
complete -c charmer -n "__fish_charmer_using_subcommand help; and not __fish_seen_subcommand_from plan compose resume lock why verify installability config convert list status prune help" -f -a "config" -d 'Check a configuration, show it as charmer understands it, or print the schema of all configurations'
complete -c charmer -n "__fish_charmer_using_subcommand help; and not __fish_seen_subcommand_from plan compose resume lock why verify installability config convert list status prune help" -f -a "convert" -d 'Write one of Pungi\'s configurations as TOML, with its variants and without patterns'
complete -c charmer -n "__fish_charmer_using_subcommand help; and not __fish_seen_subcommand_from plan compose resume lock why verify installability config convert list status prune help" -f -a "list" -d 'List the composes in a folder with their status'
complete -c charmer -n "__fish_charmer_using_subcommand help; and not __fish_seen_subcommand_from plan compose resume lock why verify installability config convert list status prune help" -f -a "status" -d 'Show how far a compose is: what runs, what is done, what failed, what remains'
complete -c charmer -n "__fish_charmer_using_subcommand help; and not __fish_seen_subcommand_from plan compose resume lock why verify installability config convert list status prune help" -f -a "prune" -d 'Remove old composes, and files of the cache that no compose has been given lately; without --yes, only show what would go'
complete -c charmer -n "__fish_charmer_using_subcommand help; and not __fish_seen_subcommand_from plan compose resume lock why verify installability config convert list status prune help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c charmer -n "__fish_charmer_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "check" -d 'Report everything that is wrong with a configuration, each at its line and column'
complete -c charmer -n "__fish_charmer_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "schema" -d 'Print the JSON schema of configurations'
complete -c charmer -n "__fish_charmer_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Print a configuration with all defaults, patterns and overrides resolved, as JSON'
