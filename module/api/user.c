// SPDX-License-Identifier: GPL-2.0
/*
 * Copies between objects and user space.
 *
 * The kernel's own check (CONFIG_HARDENED_USERCOPY) in copy_to_user() and
 * copy_from_user() limits a copy of kmalloc() memory to the object.  For
 * vmalloc() memory it limits the copy to the area, which is a chunk with many
 * objects here, and it takes a lock to find the area.  The functions here limit
 * the copy to the object, which the arena map gives without a lock.  Then they
 * call the same functions as the kernel's inline functions after their check.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/kspan.h>
#include <linux/preempt.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "api/lookup.h"
#include "api/watch.h"
#include "base/compat.h"
#include "span/report.h"

/* Whether @n bytes at @ptr belong to one live object; reports if not. */
static bool may_copy(const void *ptr, size_t n, bool to_user)
{
	struct kspan_object object;
	const void *first;
	size_t offset = 0;
	bool found, ok;

	preempt_disable();
	found = kspan_lookup_around(ptr, &object, &first);
	if (found)
		offset = ptr - first;
	ok = found && n <= object.size - offset;
	if (unlikely(!ok))
		kspan_report_copy(ptr, found ? &object.size : NULL, offset, n,
				  to_user);
	preempt_enable();
	return ok;
}

/**
 * kspan_copy_to_user - copy bytes of an object to user space
 * @to: destination in user space
 * @from: an address in a live object of kspan
 * @n: bytes
 *
 * This is like copy_to_user(), but refuses a copy that is not within one live
 * object, reports it with a stack trace and counts it in bad_copy. kspan_size()
 * returns the number of bytes of an object.
 *
 * Context: Process context that may sleep.
 * Return: number of bytes that were not copied; @n if the copy was refused.
 */
unsigned long kspan_copy_to_user(void __user *to, const void *from,
				 unsigned long n)
{
	if (!n)
		return 0;
	if (unlikely(!may_copy(from, n, true)))
		return n;
	return kspan_unchecked_to_user(to, from, n);
}
EXPORT_SYMBOL_GPL(kspan_copy_to_user);

/**
 * kspan_copy_from_user - copy bytes from user space into an object
 * @to: an address in a live object of kspan
 * @from: source in user space
 * @n: bytes
 *
 * This is like copy_from_user(), but refuses a copy that is not within one live
 * object, reports it with a stack trace and counts it in bad_copy.  It writes
 * nothing then.
 *
 * Context: Process context that may sleep.
 * Return: number of bytes that were not copied; @n if the copy was refused.
 */
unsigned long kspan_copy_from_user(void *to, const void __user *from,
				   unsigned long n)
{
	if (!n)
		return 0;
	if (unlikely(!may_copy(to, n, false)))
		return n;
	return kspan_unchecked_from_user(to, from, n);
}
EXPORT_SYMBOL_GPL(kspan_copy_from_user);

/*
 * Copy @len bytes into an object with @more bytes behind.  Returns it or an
 * ERR_PTR().
 */
static void *dup_user(const void __user *src, size_t len, size_t more, bool data,
		      unsigned long ip)
{
	gfp_t gfp = GFP_USER | __GFP_NOWARN;
	void *copy;

	if (len > SIZE_MAX - more)
		return ERR_PTR(-ENOMEM);
	copy = data ? kspan_alloc_data_for(len + more, gfp, ip) :
		      kspan_alloc_for(len + more, gfp, ip);
	if (!copy)
		return ERR_PTR(-ENOMEM);
	/*
	 * The object is new and has the right size, so there is no need to look
	 * it up.
	 */
	if (len && kspan_unchecked_from_user(copy, src, len)) {
		kspan_free_for(copy, ip);
		return ERR_PTR(-EFAULT);
	}
	return copy;
}

/**
 * kspan_memdup_user - copy memory of user space into a new object
 * @src: memory to copy
 * @len: bytes
 *
 * Context: Process context that may sleep.
 * Return: the copy; ZERO_SIZE_PTR for 0 bytes; or an error pointer: -ENOMEM, or
 * -EFAULT if @src is not readable.
 */
void *kspan_memdup_user(const void __user *src, size_t len)
{
	return dup_user(src, len, 0, false, _RET_IP_);
}
EXPORT_SYMBOL_GPL(kspan_memdup_user);

/**
 * kspan_memdup_user_nul - copy memory of user space and append a 0 byte
 * @src: memory to copy
 * @len: bytes, without the terminating 0
 *
 * Context: Process context that may sleep.
 * Return: the copy, a data object; or an error pointer: -ENOMEM, or -EFAULT if
 * @src is not readable.
 */
void *kspan_memdup_user_nul(const void __user *src, size_t len)
{
	char *copy = dup_user(src, len, 1, true, _RET_IP_);

	if (!IS_ERR(copy))
		copy[len] = '\0';
	return copy;
}
EXPORT_SYMBOL_GPL(kspan_memdup_user_nul);

/**
 * kspan_strndup_user - copy a string of user space into a data object
 * @s: the string
 * @max: maximum number of bytes, with the terminating 0
 *
 * Context: Process context that may sleep.
 * Return: the copy; or an error pointer: -EFAULT if @s is not readable, -EINVAL
 * if the string is longer, or -ENOMEM.
 */
char *kspan_strndup_user(const char __user *s, long max)
{
	long len = strnlen_user(s, max);
	char *copy;

	if (!len)
		return ERR_PTR(-EFAULT);
	if (len > max)
		return ERR_PTR(-EINVAL);
	copy = dup_user(s, len, 0, true, _RET_IP_);
	/* User space may have changed the string meanwhile. */
	if (!IS_ERR(copy))
		copy[len - 1] = '\0';
	return copy;
}
EXPORT_SYMBOL_GPL(kspan_strndup_user);
