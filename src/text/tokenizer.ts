import { Tokenizer as HubTokenizer } from '@huggingface/tokenizers'

export interface Tokenizer {
  /** Token ids, with the special tokens that the checkpoint puts around a text unless `bare`. */
  encode(text: string, options?: { bare: boolean }): number[]
  /** Text without special tokens. */
  decode(ids: readonly number[]): string
  /** A token as text; undefined for an id without one. */
  token(id: number): string | undefined
  /** The checkpoint's token for a role ("bos_token"), as text. */
  special(role: string): string | undefined
}

/** A tokenizer from the parsed `tokenizer.json` and `tokenizer_config.json`. */
export function makeTokenizer(
  tokenizerJson: object,
  tokenizerConfig: Readonly<Record<string, unknown>>,
): Tokenizer {
  const tokenizer = open(tokenizerJson, tokenizerConfig)
  return {
    encode: (text, { bare } = { bare: false }) => tokenizer.encode(text, { add_special_tokens: !bare }).ids,
    decode: ids => (ids.length === 0 ? '' : tokenizer.decode([...ids], { skip_special_tokens: true })),
    token: id => tokenizer.id_to_token(id),
    special: role => textOf(tokenizerConfig[role]),
  }
}

function open(tokenizerJson: object, tokenizerConfig: object): HubTokenizer {
  try {
    return new HubTokenizer(tokenizerJson, tokenizerConfig)
  } catch (cause) {
    throw new Error(
      'tokenizer.json: not a tokenizer that can be read. Download it again, or save it with save_pretrained.',
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
