import ipaddr from 'ipaddr.js'

/** All of IPv6 that is given out as addresses of the internet. */
const globalV6 = ipaddr.IPv6.parseCIDR('2000::/3')

/**
 * Whether an address is one of the public internet: not of this machine, a private or a local network, a provider's inner
 * network, a translation of an IPv4 address, nor set apart for anything else. An IPv4 address in the form of IPv6
 * counts as what it is.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false
  const parsed = ipaddr.process(address)
  if (parsed.range() !== 'unicast') return false
  return parsed.kind() === 'ipv4' || (parsed as ipaddr.IPv6).match(globalV6)
}
