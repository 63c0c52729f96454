// SPDX-License-Identifier: GPL-2.0-only
/* Registers an IIO device, whose core can take DMA-BUFs, and has to do with none itself. */
#include <linux/iio/iio.h>
#include <linux/platform_device.h>
#include "symgate_test.h"

static const struct iio_info info;

static int sg_iio_probe(struct platform_device *pdev)
{
	struct iio_dev *iio = devm_iio_device_alloc(&pdev->dev, 0);

	if (!iio)
		return -ENOMEM;
	iio->name = "sg_iio";
	iio->info = &info;
	return devm_iio_device_register(&pdev->dev, iio);
}

static struct platform_driver sg_iio_driver = {
	.driver = { .name = "sg_iio" },
	.probe = sg_iio_probe,
};
module_platform_driver(sg_iio_driver);

MODULE_LICENSE("GPL");
