import { Tokenizer as HubTokenizer } from '@huggingface/tokenizers'

export interface Tokenizer {
  /** Token ids, with the special tokens that the checkpoint puts around a text unless `bare`. */
  encode(text: string, options?: { bare: boolean }): number[]
  /** Text without special tokens. */
  decode(ids: readonly number[]): string
  /** What of that text no further token changes: it ends before a character whose last bytes may be yet to come. */
  decodeSettled(ids: readonly number[]): string
  /** A token as text; undefined for an id without one. */
  token(id: number): string | undefined
  /** The checkpoint's token for a role ("bos_token"), as text. */
  special(role: string): string | undefined
}

/** A tokenizer from the parsed `tokenizer.json`, which errors call `file`, and `tokenizer_config.json`. */
export function makeTokenizer(
  tokenizerJson: object,
  tokenizerConfig: Readonly<Record<string, unknown>>,
  file = 'tokenizer.json',
): Tokenizer {
  const tokenizer = open(tokenizerJson, tokenizerConfig, file)
  const added = tokenizer.get_added_tokens_decoder()
  const isText = (id: number): boolean => tokenizer.id_to_token(id) !== undefined && !added.get(id)?.special
  const byteOf = (id: number): number | null => byteToken(tokenizer.id_to_token(id))
  const replacement = ['<0xEF>', '<0xBF>', '<0xBD>'].flatMap(byte => tokenizer.token_to_id(byte) ?? [])
  const decode = (ids: readonly number[]): string => {
    const valid = replaceInvalid(ids.filter(isText), byteOf, replacement)
    return valid.length === 0 ? '' : tokenizer.decode(valid)
  }
  return {
    encode: (text, { bare } = { bare: false }) => tokenizer.encode(text, { add_special_tokens: !bare }).ids,
    decode,
    decodeSettled(ids) {
      const end = ids.findLastIndex(id => byteOf(id) === null) + 1
      return decode(ids.slice(0, end)).replace(/\ufffd+$/, '')
    },
    token: id => tokenizer.id_to_token(id),
    special: role => textOf(tokenizerConfig[role]),
  }
}

/** The byte that a token such as "<0x0A>" stands for, where the vocabulary lacks a character. */
function byteToken(token: string | undefined): number | null {
  const digits = token === undefined ? null : /^<0x([0-9A-F]{2})>$/.exec(token)
  return digits === null ? null : Number.parseInt(digits[1] as string, 16)
}

/**
 * Ids in which every run of byte tokens is UTF-8. In a run that is not, each byte becomes U+FFFD, as in the reference;
 * the library would keep those of its bytes that are characters.
 */
function replaceInvalid(
  ids: readonly number[],
  byteOf: (id: number) => number | null,
  replacement: readonly number[],
): number[] {
  const valid: number[] = []
  let run: number[] = []
  const endRun = (): void => {
    const bytes = Uint8Array.from(run, id => byteOf(id) as number)
    valid.push(...(isUtf8(bytes) ? run : run.flatMap(() => replacement)))
    run = []
  }
  for (const id of ids) {
    if (byteOf(id) !== null) run.push(id)
    else {
      endRun()
      valid.push(id)
    }
  }
  endRun()
  return valid
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}

function open(tokenizerJson: object, tokenizerConfig: object, file: string): HubTokenizer {
  try {
    return new HubTokenizer(tokenizerJson, tokenizerConfig)
  } catch (cause) {
    throw new Error(
      `${file}: not a tokenizer that can be read. Download it again, or save it with save_pretrained.`,
      { cause },
    )
  }
}

/** Configs give a special token as text or as an object with its `content`. */
function textOf(token: unknown): string | undefined {
  if (typeof token === 'string') return token
  const content = (token as { content?: unknown } | null | undefined)?.content
  return typeof content === 'string' ? content : undefined
}
