import { type Method, methodsThat } from '../importance/method.ts'
import type { LookOptions } from '../options.ts'

/** How to look where a request does not say. */
export type LookDefaults = Pick<LookOptions, 'layers' | 'connectorLayers' | 'variant' | 'highRes'> & {
  readonly method: Method
}

/** A request's options over the server's, of which those are left out that its method does not have. */
export function withDefaults<T extends LookOptions>(
  options: T,
  { method: usual, layers, connectorLayers, variant, highRes }: LookDefaults,
): T & { readonly method: Method } {
  const method = options.method ?? usual
  const readsLayers = methodsThat('readsLayers').includes(method)
  const hasVariants = methodsThat('hasVariants').includes(method)
  return {
    ...(highRes && { highRes }),
    ...(readsLayers && layers && { layers }),
    ...(readsLayers && connectorLayers && { connectorLayers }),
    ...(hasVariants && variant && { variant }),
    ...options,
    method,
  }
}
