# SPDX-License-Identifier: GPL-2.0
# invariants.awk - check that kspan's numbers add up at rest.
#
# 	awk -f invariants.awk -v when="after load" [-v empty=1] \
# 		stats by_size [caches]
#
# Prints `ok NAME` or `not ok NAME: WHY` for each rule, and fails if a rule is
# broken.  With empty=1 all objects must have been freed.

# equal(RULE, GOT, WANT): numbers are exact in awk up to 2^53.
function equal(rule, got, want)
{
	if (got == want) {
		print "ok " when ": " rule
	} else {
		printf "not ok %s: %s: %.0f, not %.0f\n", when, rule, got, want
		bad++
	}
}

function need(name)
{
	if (name in stat)
		return
	print "not ok " when ": stats has no " name
	bad++
}

FNR == 1 { file++ }

file == 1 { stat[$1] = $2; next }

# In the tables the header gives the columns.
FNR == 1 {
	split("", column)
	for (i = 1; i <= NF; i++)
		column[$i] = i
	if (!("nmalloc" in column) || !("nfree" in column)) {
		print "not ok " when ": table " FILENAME " lacks its header"
		bad++
	}
	next
}

{
	nmalloc += $column["nmalloc"]
	nfree += $column["nfree"]
	rows++
}

END {
	split("alloc bad_free buckhash_sys corrupt double_free gc_sys " \
	      "heap_alloc heap_idle heap_inuse heap_objects heap_sys " \
	      "large_nfree large_nmalloc mcache_sys mspan_sys nfree nmalloc " \
	      "other_sys overrun sys tinyallocs total_alloc use_after_free", \
	      names, " ")
	for (i in names)
		need(names[i])

	equal("sys is the sum of its parts", stat["sys"], \
	      stat["heap_sys"] + stat["mspan_sys"] + stat["mcache_sys"] + \
	      stat["buckhash_sys"] + stat["gc_sys"] + stat["other_sys"])
	equal("heap_sys is heap_idle + heap_inuse", stat["heap_sys"], \
	      stat["heap_idle"] + stat["heap_inuse"])
	equal("heap_objects is nmalloc - nfree", stat["heap_objects"], \
	      stat["nmalloc"] - stat["nfree"])
	equal("heap_alloc is alloc", stat["heap_alloc"], stat["alloc"])
	equal("nmalloc is the sum of the classes", stat["nmalloc"], \
	      stat["large_nmalloc"] + stat["tinyallocs"] + nmalloc)
	equal("nfree is the sum of the classes", stat["nfree"], \
	      stat["large_nfree"] + stat["tinyallocs"] + nfree)
	equal("by_size has rows", rows > 0, 1)
	equal("bad_free is 0", stat["bad_free"], 0)
	equal("double_free is 0", stat["double_free"], 0)
	equal("overrun is 0", stat["overrun"], 0)
	equal("use_after_free is 0", stat["use_after_free"], 0)
	equal("corrupt is 0", stat["corrupt"], 0)
	if (empty) {
		equal("no object is live", stat["heap_objects"], 0)
		equal("no byte is allocated", stat["alloc"], 0)
		equal("nmalloc is nfree", stat["nmalloc"], stat["nfree"])
	}
	exit bad > 0
}
