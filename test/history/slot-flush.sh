#!/usr/bin/env bash
# attack: slot and stamp flush (RFC 9769 section 6)
# position: off path
# packets: interleaved requests with invented origins from forged addresses, to a server with 64
#  slots: a hundred at each poll from one prefix, then two hundred from as many prefixes.
# elsewhere: chrony's one ring is flushed by one fast client; nobody else is interleaved any more.
# rule: a prefix holds at most a quarter of the slots, so one prefix flushes nobody; many prefixes
#  turn answers basic, and the rate of samples stays (S12, L4).
. "$(dirname "$0")/lib.inc"
start_server 'clientloglimit 8192'
attack_server flush-prefix 16 32 16
judged target
answered any
clock_unmoved
n=$(moved bystander during interleaved)
expect "$attack: the victim stays interleaved ($n of $during)" holds "$n >= 0.4 * $during"
n=$(moved target during slot-quota) e=$(moved target during slot-evicted)
expect "$attack: slots were short (quota $n, evicted $e)" holds "$n + $e >= 10 * $during"
attack_server flush-all 8 32 16
judged target
judged bystander
answered basic
clock_unmoved
finish
