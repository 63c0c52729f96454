// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each sg_route_* leads to dma_buf_get by another way than a plain call; each sg_safe_* is built in the same way, beside
 * it, and leads nowhere.
 */
#include <linux/dma-buf.h>
#include <linux/jump_label.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#ifdef CONFIG_X86
#include <linux/static_call.h>
#include <asm/alternative.h>
#include <asm/asm.h>
#include <asm/cpufeature.h>
#endif
#include "symgate_test.h"

typedef struct dma_buf *(*sg_get_fn)(int fd);

static struct dma_buf *got;

static noinline __used struct dma_buf *inner(int fd)
{
	return dma_buf_get(fd);
}

static noinline __used struct dma_buf *nothing(int fd)
{
	return NULL;
}

/* A branch that is not there until the key is switched. */
static DEFINE_STATIC_KEY_FALSE(key);

static noinline __cold struct dma_buf *slow(int fd)
{
	return dma_buf_get(fd + 1);
}

struct dma_buf *sg_route_static_key(int fd);
struct dma_buf *sg_route_static_key(int fd)
{
	return static_branch_unlikely(&key) ? slow(fd) : NULL;
}
EXPORT_SYMBOL_GPL(sg_route_static_key);

/* A pointer that is set when the module is loaded. */
static sg_get_fn later;
static sg_get_fn later_nothing;

struct dma_buf *sg_route_pointer(int fd);
struct dma_buf *sg_route_pointer(int fd)
{
	return later(fd);
}
EXPORT_SYMBOL_GPL(sg_route_pointer);

struct dma_buf *sg_safe_pointer(int fd);
struct dma_buf *sg_safe_pointer(int fd)
{
	return later_nothing(fd);
}
EXPORT_SYMBOL_GPL(sg_safe_pointer);

/* One in memory that is got then. */
struct sg_ops {
	int version;
	sg_get_fn get;
};

static struct sg_ops *ops;

struct dma_buf *sg_route_ops(int fd);
struct dma_buf *sg_route_ops(int fd)
{
	return ops->get(fd);
}
EXPORT_SYMBOL_GPL(sg_route_ops);

/* One that the kernel keeps. */
static RAW_NOTIFIER_HEAD(chain);

static int notified(struct notifier_block *block, unsigned long fd, void *data)
{
	got = dma_buf_get(fd);
	return NOTIFY_DONE;
}

static struct notifier_block block = { .notifier_call = notified };

struct dma_buf *sg_route_notifier(int fd);
struct dma_buf *sg_route_notifier(int fd)
{
	raw_notifier_call_chain(&chain, fd, NULL);
	return got;
}
EXPORT_SYMBOL_GPL(sg_route_notifier);

/* The module's own last function. */
struct dma_buf *sg_route_exit(int fd);
struct dma_buf *sg_route_exit(int fd)
{
#ifdef CONFIG_MODULE_UNLOAD
	THIS_MODULE->exit();
#endif
	return got;
}
EXPORT_SYMBOL_GPL(sg_route_exit);

struct module *sg_safe_this(void);
struct module *sg_safe_this(void)
{
	return THIS_MODULE;
}
EXPORT_SYMBOL_GPL(sg_safe_this);

/* A field of an object that leads to a table, but not that field. */
static long ioctl(struct file *file, unsigned int command, unsigned long fd)
{
	got = dma_buf_get(fd);
	return 0;
}

static const struct file_operations fops = { .owner = THIS_MODULE, .unlocked_ioctl = ioctl };
static struct miscdevice misc = { .minor = MISC_DYNAMIC_MINOR, .name = "sg_shim_routes", .fops = &fops };

struct device *sg_safe_field(void);
struct device *sg_safe_field(void)
{
	return misc.this_device;
}
EXPORT_SYMBOL_GPL(sg_safe_field);

/* A lock and work that are set up beside. */
static struct mutex lock;
static struct work_struct work;

static void worked(struct work_struct *unused)
{
	got = dma_buf_get(0);
}

void sg_safe_lock(void);
void sg_safe_lock(void)
{
	mutex_lock(&lock);
	mutex_unlock(&lock);
}
EXPORT_SYMBOL_GPL(sg_safe_lock);

void sg_route_work(void);
void sg_route_work(void)
{
	schedule_work(&work);
}
EXPORT_SYMBOL_GPL(sg_route_work);

/* What is kept beside memory into which a pointer is put, and an object that names its owner. */
static struct workqueue_struct *queue;

void sg_safe_kept(void);
void sg_safe_kept(void)
{
	drain_workqueue(queue);
}
EXPORT_SYMBOL_GPL(sg_safe_kept);

static struct {
	struct mutex lock;
	struct module *owner;
} owned;

void sg_safe_owner(void);
void sg_safe_owner(void)
{
	mutex_lock(&owned.lock);
	mutex_unlock(&owned.lock);
}
EXPORT_SYMBOL_GPL(sg_safe_owner);

/* A pointer that is put there atomically. */
static sg_get_fn once;

struct dma_buf *sg_route_once(int fd);
struct dma_buf *sg_route_once(int fd)
{
	return once(fd);
}
EXPORT_SYMBOL_GPL(sg_route_once);

#ifdef CONFIG_X86
/* Instructions that are put in the place of others. */
struct dma_buf *sg_route_alternative(int fd);
asm(".pushsection .text\n.globl sg_route_alternative\n.type sg_route_alternative,@function\nsg_route_alternative:\n"
    ALTERNATIVE("xor %eax,%eax; nop; nop; nop", "jmp inner", X86_FEATURE_ALWAYS)
    "\nret\nint3\n.size sg_route_alternative,.-sg_route_alternative\n.popsection");
EXPORT_SYMBOL_GPL(sg_route_alternative);

struct dma_buf *sg_safe_alternative(int fd);
asm(".pushsection .text\n.globl sg_safe_alternative\n.type sg_safe_alternative,@function\nsg_safe_alternative:\n"
    ALTERNATIVE("xor %eax,%eax; nop; nop; nop", "jmp nothing", X86_FEATURE_ALWAYS)
    "\nret\nint3\n.size sg_safe_alternative,.-sg_safe_alternative\n.popsection");
EXPORT_SYMBOL_GPL(sg_safe_alternative);

/* Where it goes on after a fault. */
struct dma_buf *sg_route_fault(int fd);
asm(".pushsection .text\n.type fixup,@function\nfixup: jmp dma_buf_get\nint3\n.globl sg_route_fault\n.type sg_route_fault,@function\n"
    "sg_route_fault:\nxor %eax,%eax\n1: mov (%rax),%rax\nret\nint3\n.size sg_route_fault,.-sg_route_fault\n"
    ".popsection\n" _ASM_EXTABLE(1b, fixup));
EXPORT_SYMBOL_GPL(sg_route_fault);

/* A label that only its address tells. */
struct dma_buf *sg_route_label(int fd);
asm(".pushsection .text\n.globl sg_route_label\n.type sg_route_label,@function\nsg_route_label:\n"
    "lea 1f(%rip),%rax\njmp *%rax\nint3\n1: xor %eax,%eax\n.size sg_route_label,.-sg_route_label\n"
    "falls: jmp dma_buf_get\nint3\n.size falls,.-falls\n.popsection");
EXPORT_SYMBOL_GPL(sg_route_label);

/* A call that comes back, though what follows it is called by another. */
struct dma_buf *sg_route_call(int fd);
asm(".pushsection .text\n.type back,@function\nback: ret\nint3\n.size back,.-back\n.globl sg_route_call\n.type sg_route_call,@function\nsg_route_call:\n"
    "call back\n.size sg_route_call,.-sg_route_call\n"
    "behind: jmp dma_buf_get\nint3\n.size behind,.-behind\nother: jmp behind\nint3\n.popsection");
EXPORT_SYMBOL_GPL(sg_route_call);

/* A call of which the kernel is told where it goes. */
DEFINE_STATIC_CALL(called, nothing);
DEFINE_STATIC_CALL(called_nothing, nothing);

struct dma_buf *sg_route_static_call(int fd);
struct dma_buf *sg_route_static_call(int fd)
{
	return static_call(called)(fd);
}
EXPORT_SYMBOL_GPL(sg_route_static_call);

struct dma_buf *sg_safe_static_call(int fd);
struct dma_buf *sg_safe_static_call(int fd)
{
	return static_call(called_nothing)(fd);
}
EXPORT_SYMBOL_GPL(sg_safe_static_call);

/* What asks for a feature of the processor shares a section with all that do. */
struct dma_buf *sg_route_feature(int fd);
struct dma_buf *sg_route_feature(int fd)
{
	return static_cpu_has(X86_FEATURE_XMM2) ? dma_buf_get(fd) : NULL;
}
EXPORT_SYMBOL_GPL(sg_route_feature);

int sg_safe_feature(void);
int sg_safe_feature(void)
{
	return static_cpu_has(X86_FEATURE_AVX2) ? 64 : 32;
}
EXPORT_SYMBOL_GPL(sg_safe_feature);
#endif

static int __init routes_init(void)
{
	later = inner;
	later_nothing = nothing;
	ops = kzalloc(sizeof(*ops), GFP_KERNEL);
	if (!ops)
		return -ENOMEM;
	ops->get = inner;
	queue = alloc_workqueue("sg_shim_routes", 0, 1);
	mutex_init(&owned.lock);
	owned.owner = THIS_MODULE;
	cmpxchg(&once, NULL, inner);
	raw_notifier_chain_register(&chain, &block);
	mutex_init(&lock);
	INIT_WORK(&work, worked);
#ifdef CONFIG_X86
	static_call_update(called, inner);
#endif
	static_branch_enable(&key);
	return misc_register(&misc);
}
module_init(routes_init);

static void __exit routes_exit(void)
{
	misc_deregister(&misc);
	destroy_workqueue(queue);
	kfree(ops);
	dma_buf_put(dma_buf_get(0));
}
module_exit(routes_exit);

IMPORT_NS(DMA_BUF);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Ways to a DMA-BUF");
