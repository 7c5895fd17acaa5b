import * as decode from '../../../src/image/decode-web.ts'
import * as web from '../../../src/web.ts'

const vicrop = { ...web, ...decode }
Object.assign(globalThis, { vicrop })

/** What the page offers to the tests, which run their code in it. */
export type UnderTest = typeof vicrop
