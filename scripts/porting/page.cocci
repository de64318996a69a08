// SPDX-License-Identifier: GPL-2.0
// Code that takes the page or the physical address of a pointer.
virtual report

@take@
expression ptr, x;
identifier f =~ "^(virt_to_page|virt_to_head_page|virt_to_folio|virt_to_slab|virt_to_phys|virt_to_pfn|__pa|slab_build_skb|__virt_to_phys|kmap_to_page)$";
position p;
@@
(
 f@p(ptr)
|
 f@p(ptr, x)
)

@second@
identifier f =~ "^(sg_set_buf|sg_init_one|dma_map_single|dma_map_single_attrs|dma_sync_single_for_cpu|pci_map_single|list_lru_add|list_lru_add_obj|list_lru_del|list_lru_del_obj)$";
position p;
@@
 f@p(...)

@sent@
identifier f =~ "^(usb_fill_bulk_urb|usb_fill_int_urb|usb_fill_control_urb|usb_control_msg|usb_bulk_msg|usb_interrupt_msg|spi_write|spi_read|spi_sync_transfer|blk_rq_map_kern|bio_map_kern|scsi_execute_cmd|virtqueue_add_inbuf|virtqueue_add_outbuf|build_skb|napi_build_skb|build_skb_around)$";
position p;
@@
 f@p(...)

@script:python@
f << take.f;
p << take.p;
@@
print(f"{p[0].file}:{p[0].line}: {f}()")

@script:python@
f << second.f;
p << second.p;
@@
print(f"{p[0].file}:{p[0].line}: {f}()")

@script:python@
f << sent.f;
p << sent.p;
@@
print(f"{p[0].file}:{p[0].line}: {f}(), which maps it for a device or keeps its page")
