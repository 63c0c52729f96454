// SPDX-License-Identifier: GPL-2.0-only
/* Takes a DMA-BUF through DRM's PRIME, and imports nothing else that has to do with one. */
#include <drm/drm_prime.h>
#include "symgate_test.h"

int sg_prime(struct drm_device *dev, struct drm_file *file, int fd, u32 *handle);

int sg_prime(struct drm_device *dev, struct drm_file *file, int fd, u32 *handle)
{
	return drm_gem_prime_fd_to_handle(dev, file, fd, handle);
}

MODULE_LICENSE("GPL");
