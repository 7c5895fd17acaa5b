import { INDEX, isPlainFileName, parseIndex, SINGLE } from '../checkpoint.ts'
import { quote, WeightsError } from '../error.ts'

// Which files of a repository a model is made of.

export const CONFIG = 'config.json'
export const PROCESSORS = ['processor_config.json', 'preprocessor_config.json'] as const
export const TOKENIZER = 'tokenizer.json'

/** A model with a Q-Former has a second tokenizer, in a folder of its own. */
const QFORMER_TOKENIZER = 'qformer_tokenizer/tokenizer.json'

/** Settings, tokenizers and chat templates. */
export const isText = (path: string): boolean => {
  const name = path.replace(/^qformer_tokenizer\//, '')
  return isPlainFileName(name) && /\.(?:json|jinja)$/.test(name) && !name.endsWith('.index.json')
}

/** The file that says where the tensors are: the only one of them, or the index of several. */
export function weightsEntry(id: string, has: (name: string) => boolean): typeof SINGLE | typeof INDEX {
  if (has(SINGLE)) return SINGLE
  if (has(INDEX)) return INDEX
  throw new WeightsError(
    `${id}: has no weights as safetensors, and pickles, which can run code, are not read; look for another revision or a converted copy.`,
  )
}

/** The shards that an index names, of which all have to be in the repository. */
export function shardsOf(id: string, index: unknown, has: (name: string) => boolean): string[] {
  const shards = [...new Set(parseIndex(index, INDEX).values())]
  const other = shards.find(shard => !shard.endsWith('.safetensors'))
  if (other !== undefined) {
    throw new WeightsError(`${id}: ${INDEX} names ${quote(other)}, not safetensors; try another revision.`)
  }
  const missing = shards.find(shard => !has(shard))
  if (missing === undefined) return shards
  throw new WeightsError(
    `${id}: ${INDEX} names ${quote(missing)}, which the repository lacks; try another revision.`,
  )
}

/**
 * Whether files are there that a model needs, as far as can be told without the hub's list; otherwise their names.
 *
 * @param readJson reads the config, of which null is as good as none, and the index of shards
 */
export async function missingFiles(
  has: (name: string) => Promise<boolean>,
  readJson: (name: typeof CONFIG | typeof INDEX) => Promise<unknown>,
): Promise<string[]> {
  const missing: string[] = []
  const config = (await has(CONFIG)) ? await readJson(CONFIG) : null
  const hasQFormer = typeof config === 'object' && config !== null && 'qformer_config' in config
  if (hasQFormer && !(await has(QFORMER_TOKENIZER))) missing.push(QFORMER_TOKENIZER)
  for (const name of [CONFIG, TOKENIZER]) if (!(await has(name))) missing.push(name)
  if (!(await has(PROCESSORS[0])) && !(await has(PROCESSORS[1]))) missing.push(PROCESSORS[1])
  if (await has(SINGLE)) return missing
  if (!(await has(INDEX))) return [...missing, SINGLE]
  for (const shard of new Set(parseIndex(await readJson(INDEX), INDEX).values())) {
    if (!(await has(shard))) missing.push(shard)
  }
  return missing
}
