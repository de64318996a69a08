// SPDX-License-Identifier: GPL-2.0
/*
 * The debugfs file callsites: writing switches the accounting, reading shows
 * the table.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "api/callsites.h"
#include "base/symbol.h"
#include "show/debugfs.h"

/* Find the next call site, from *@pos on, that has allocated. */
static void *find_row(loff_t *pos)
{
	struct kspan_site_row row;

	for (; kspan_callsites_row(*pos, &row, NULL); ++*pos)
		if (row.total_objects)
			return pos;
	return NULL;
}

static void *callsites_start(struct seq_file *m, loff_t *pos)
{
	kspan_callsites_lock();
	return find_row(pos);
}

static void *callsites_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return find_row(pos);
}

static void callsites_stop(struct seq_file *m, void *v)
{
	kspan_callsites_unlock();
}

static int callsites_show(struct seq_file *m, void *v)
{
	char text[KSPAN_SYMBOL_LEN];
	struct kspan_site_row row;

	kspan_callsites_row(*(loff_t *)v, &row, text);
	seq_printf(m, "%llu %llu %llu %llu %s\n", row.bytes, row.objects,
		   row.total_bytes, row.total_objects, text);
	return 0;
}

static const struct seq_operations callsites_sops = {
	.start = callsites_start,
	.next = callsites_next,
	.stop = callsites_stop,
	.show = callsites_show,
};

static int callsites_open(struct inode *inode, struct file *file)
{
	return seq_open(file, &callsites_sops);
}

static ssize_t callsites_write(struct file *file, const char __user *buf,
			       size_t count, loff_t *ppos)
{
	bool on;
	int err;

	err = kstrtobool_from_user(buf, count, &on);
	if (err)
		return err;
	if (!on)
		kspan_callsites_end();
	else
		err = kspan_callsites_begin();
	return err ?: count;
}

static const struct file_operations callsites_fops = {
	.owner = THIS_MODULE,
	.open = callsites_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.write = callsites_write,
	.release = seq_release,
};

/* Create the file in kspan's directory.  Context: module load. */
void kspan_debugfs_add_callsites(struct dentry *dir)
{
	debugfs_create_file("callsites", 0600, dir, NULL, &callsites_fops);
}
