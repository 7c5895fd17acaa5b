import * as six from 'ai'
import * as seven from 'ai-7'

/** Both versions of the SDK. What the tests use of 7 has the types that it has in 6 (`types.test.ts` has those of 7). */
export const sdks: readonly [version: string, sdk: typeof six][] = [
  ['6', six],
  ['7', seven as unknown as typeof six],
]

/** Warnings are tested, not printed. */
globalThis.AI_SDK_LOG_WARNINGS = false
