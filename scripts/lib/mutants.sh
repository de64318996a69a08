# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0
# mutants.sh - test results, and faults in a copy of the module, for scripts
# that check that such faults are found.  Sourced after lib.sh.

passed=0
failed=0

# result STATUS TEXT: count and print one result.
result()
{
	if [ "$1" -eq 0 ]; then
		passed=$((passed + 1))
		echo "ok $2"
	else
		failed=$((failed + 1))
		echo "FAIL $2"
	fi
}

# mutate DIR FILE SED: copy module/ to DIR/module and apply SED to its FILE.
# Fails if that changes nothing.
mutate()
{
	rm -rf "$1/module"
	cp -a "$ROOT/module" "$1/module"
	sed -i "$3" "$1/module/$2"
	! cmp -s "$1/module/$2" "$ROOT/module/$2"
}
