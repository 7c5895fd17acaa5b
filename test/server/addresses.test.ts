import { describe, expect, test } from 'vitest'
import { isPublicAddress } from '../../src/server/addresses.ts'

const inner = [
  ['this host', '0.0.0.0'],
  ['this network', '0.1.2.3'],
  ['loopback', '127.0.0.1'],
  ['loopback, elsewhere in its block', '127.255.255.254'],
  ['private 10/8', '10.0.0.1'],
  ['private 172.16/12, first', '172.16.0.1'],
  ['private 172.16/12, last', '172.31.255.255'],
  ['private 192.168/16', '192.168.1.1'],
  ['a provider’s network', '100.64.0.1'],
  ['link-local', '169.254.0.1'],
  ['metadata of clouds', '169.254.169.254'],
  ['metadata of one cloud, in a provider’s block', '100.100.100.200'],
  ['protocol assignments', '192.0.0.192'],
  ['documentation 1', '192.0.2.1'],
  ['documentation 2', '198.51.100.1'],
  ['documentation 3', '203.0.113.1'],
  ['relays of 6to4', '192.88.99.1'],
  ['benchmarks', '198.18.0.1'],
  ['multicast', '224.0.0.1'],
  ['reserved', '240.0.0.1'],
  ['broadcast', '255.255.255.255'],
  ['IPv6, unspecified', '::'],
  ['IPv6, loopback', '::1'],
  ['IPv6, loopback in full', '0:0:0:0:0:0:0:1'],
  ['IPv6, link-local', 'fe80::1'],
  ['IPv6, site-local', 'fec0::1'],
  ['IPv6, unique local', 'fd12:3456::1'],
  ['IPv6, metadata of clouds', 'fd00:ec2::254'],
  ['IPv6, multicast', 'ff02::1'],
  ['IPv6, documentation', '2001:db8::1'],
  ['IPv6, newer documentation', '3fff::1'],
  ['IPv6, discard', '100::1'],
  ['IPv6, outside of what is given out', '4000::1'],
  ['mapped loopback', '::ffff:127.0.0.1'],
  ['mapped loopback in hex', '::ffff:7f00:1'],
  ['mapped private', '::ffff:10.0.0.1'],
  ['mapped metadata', '::ffff:a9fe:a9fe'],
  ['compatible loopback', '::127.0.0.1'],
  ['compatible private', '::a00:1'],
  ['translated loopback', '::ffff:0:127.0.0.1'],
  ['NAT64 of loopback', '64:ff9b::7f00:1'],
  ['local NAT64', '64:ff9b:1::a00:1'],
  ['6to4 of loopback', '2002:7f00:1::'],
  ['6to4 of private', '2002:c0a8:101::1'],
  ['Teredo', '2001:0:4136:e378:8000:63bf:3fff:fdd2'],
  ['no address', 'localhost'],
  ['nothing', ''],
] as const

describe('not public is', () => {
  test.each(inner)('%s: %s', (_, address) => {
    expect(isPublicAddress(address)).toBe(false)
  })
})

describe('public is', () => {
  test.each(['1.1.1.1', '8.8.8.8', '172.15.0.1', '172.32.0.1', '::ffff:8.8.8.8', '2606:4700:4700::1111'])(
    '%s',
    address => {
      expect(isPublicAddress(address)).toBe(true)
    },
  )
})
