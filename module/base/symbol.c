// SPDX-License-Identifier: GPL-2.0
/*
 * Addresses of code as text, for as long as the kernel knows their symbols: the
 * symbols of a module's init functions disappear when the module has been
 * loaded, its other symbols when it is unloaded.
 */
#include <linux/string.h>

#include "base/symbol.h"

/**
 * kspan_symbol - name an address of code
 * @text: buffer of KSPAN_SYMBOL_LEN bytes for "symbol+0xoffset [module]"; the
 *	part in brackets is missing for the kernel's own code
 * @addr: the address
 *
 * The text never contains the address itself.
 *
 * Context: Any.
 * Return: false if the kernel knows no symbol there; @text is "unknown" then.
 */
bool kspan_symbol(char *text, unsigned long addr)
{
	char *size, *rest;

	sprint_symbol(text, addr);
	/* The kernel prints an address without a symbol as a number. */
	if (!addr || !*text || !strncmp(text, "0x", 2)) {
		strscpy(text, "unknown", KSPAN_SYMBOL_LEN);
		return false;
	}
	size = strchr(text, '/');
	if (size) {
		rest = strchrnul(size, ' ');
		memmove(size, rest, strlen(rest) + 1);
	}
	return true;
}

/**
 * kspan_symbol_module_of - find the module that contains an address of code
 * @name: buffer of MODULE_NAME_LEN bytes for its name, "" for the kernel's code
 * @addr: the address
 *
 * Context: Process.
 */
void kspan_symbol_module_of(char *name, unsigned long addr)
{
	char text[KSPAN_SYMBOL_LEN], *begin, *end;

	*name = '\0';
	kspan_symbol(text, addr);
	begin = strrchr(text, '[');
	end = begin ? strchr(begin, ']') : NULL;
	if (!end)
		return;
	*end = '\0';
	strscpy(name, begin + 1, MODULE_NAME_LEN);
}
