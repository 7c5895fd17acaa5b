import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeTokenizer, type Tokenizer } from '../../src/text/tokenizer.ts'
import { modelPath } from '../models/fixtures.ts'

export const readBase = (name: string): string => readFileSync(join(modelPath('base'), name), 'utf8')

/** The tokenizer of the checkpoint `base`, with changes to its two files. */
export const baseTokenizer = (
  changes: Readonly<Record<string, unknown>> = {},
  configChanges: Readonly<Record<string, unknown>> = {},
): Tokenizer =>
  makeTokenizer(
    { ...JSON.parse(readBase('tokenizer.json')), ...changes },
    { ...JSON.parse(readBase('tokenizer_config.json')), ...configChanges },
  )
