# Where packages of Debian come from. Sourced after lib.sh.
#
#   DEBIAN_MIRROR, DEBIAN_SECURITY_MIRROR   where else than the machine's apt sources say

# sources: the machine's own archives of Debian, one URI a line: those with a section "main", which others do not have.
sources() {
    local file
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [[ ! -f $file ]] || sed 's/\[[^]]*\]//' "$file" | awk '$1 == "deb" && / main( |$)/ { print $2 }'
    done
    for file in /etc/apt/sources.list.d/*.sources; do
        # Stanzas, with an empty line between.
        [[ ! -f $file ]] || awk -v RS= '/(^|\n)Components:[^\n]* main( |\n|$)/ {
            if (match($0, /(^|\n)URIs:[^\n]*/)) print substr($0, RSTART, RLENGTH) }' "$file" |
            sed -n 's/^URIs://p' | tr -s ' \t' '\n' | sed '/^$/d'
    done
}

# mirrors: sets `mirror` and `security` to where packages come from.
mirrors() {
    local found
    found=$(
        sources | while read -r uri; do
            # A list of mirrors, as some clouds have it: its first.
            if [[ $uri == mirror+file:* ]]; then
                uri=$(grep -m 1 -o '^[^[:space:]#]\+' "${uri#mirror+file:}" || true)
            fi
            printf '%s\n' "${uri%/}"
        done
    )
    mirror=${DEBIAN_MIRROR:-$(grep -m 1 '/debian$' <<<"$found" || true)}
    [[ -n $mirror ]] || die "this machine's apt sources name no Debian mirror: set DEBIAN_MIRROR to one"
    security=${DEBIAN_SECURITY_MIRROR:-$(grep -m 1 '/debian-security$' <<<"$found" || echo "$mirror-security")}
}
