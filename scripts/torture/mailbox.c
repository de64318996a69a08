// SPDX-License-Identifier: GPL-2.0
/*
 * Mailboxes, one for each CPU.  Any context on any CPU leaves objects there,
 * and another context frees them.
 */
#include <linux/kspan.h>

#include "torture.h"

/* Context: Module load. */
void torture_mail_init(struct torture_mailbox *mail)
{
	raw_spin_lock_init(&mail->lock);
}

/* Context: Any.  Return: false if the mailbox is full. */
bool torture_mail_post(struct torture_mailbox *mail,
		       const struct torture_obj *obj)
{
	unsigned long flags;
	bool room;

	raw_spin_lock_irqsave(&mail->lock, flags);
	room = mail->nr < TORTURE_MAIL;
	if (room)
		mail->obj[mail->nr++] = *obj;
	raw_spin_unlock_irqrestore(&mail->lock, flags);
	return room;
}

/* Context: Any.  Return: false if the mailbox is empty. */
bool torture_mail_take(struct torture_mailbox *mail, struct torture_obj *obj)
{
	unsigned long flags;
	bool some;

	raw_spin_lock_irqsave(&mail->lock, flags);
	some = mail->nr;
	if (some)
		*obj = mail->obj[--mail->nr];
	raw_spin_unlock_irqrestore(&mail->lock, flags);
	return some;
}

/* Context: Any, after the last post. */
void torture_mail_drain(struct torture_ctx *ctx, struct torture_mailbox *mail)
{
	struct torture_obj obj;

	while (torture_mail_take(mail, &obj)) {
		torture_obj_check(ctx, &obj);
		kspan_free(obj.ptr);
		torture_count(ctx, TORTURE_OPS, 1);
	}
}
