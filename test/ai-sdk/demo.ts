import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const path = (name: string): string => fileURLToPath(new URL(`../../demo/pictures/${name}`, import.meta.url))

/** The file of a demo picture, anew each time: nothing is to be found again by identity. */
export const file = (name: string): Uint8Array => new Uint8Array(readFileSync(path(name)))

/** A question that the demo model gets wrong without the crop. */
export const picture = '003.webp'
export const question = 'What is the date on the form?'
