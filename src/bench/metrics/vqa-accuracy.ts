// VQA accuracy as its evaluation script defines it (Antol et al. 2015; github.com/GT-Vision-Lab/VQA, vqaEval.py), faults
// of its normalisation included, because every published number has them.

/**
 * How far an answer agrees with what people answered: for each person, a third for each of the others who gave it, at
 * most 1; then the mean over the persons. With ten answers: 0, 0.3, 0.6, 0.9, 1 for none to four who gave it.
 *
 * One difference from the script: it normalises nothing when all people gave the very same text, so that there "Yes"
 * for "yes" is wrong. Its evaluation server and everybody's evaluation since normalise always, and so does this.
 *
 * @param people at least one answer
 * @returns 0 to 1
 */
export function vqaAccuracy(
  answer: string,
  people: readonly string[],
  normalise: (text: string) => string = normaliseVqa,
): number {
  const given = normalise(answer)
  const agreeing = people.filter(theirs => normalise(theirs) === given).length
  const others = people.length - agreeing
  return (agreeing * third(agreeing - 1) + others * third(agreeing)) / people.length
}

/** What a person counts, of whom so many others agree with the answer. */
const third = (agreeing: number): number => Math.min(1, Math.max(0, agreeing) / 3)

/** An answer as the VQA script compares it. */
export const normaliseVqa = (text: string): string =>
  mapWords(stripPunctuation(text.replaceAll(/[\n\t]/g, ' ').trim()))

/**
 * An answer as TextVQA's evaluation compares it (github.com/facebookresearch/mmf, m4c_evaluators.py): before the rest, it
 * is lower-cased, loses its commas and question marks wherever they are, and has a space before each "'s".
 */
export const normaliseTextVqa = (text: string): string =>
  normaliseVqa(text.toLowerCase().replaceAll(/[,?]/g, '').replaceAll("'s", " 's").trim())

const marks = [...';/[]"{}()=+\\_-><@`,?!']
const commaInNumber = /\p{Nd},\p{Nd}/u

/** Python's `re.UNICODE` stands where `re.sub` takes its count, and is 32: later full stops stay. */
const mostFullStops = 32

/**
 * A mark goes without a trace if it stands beside a space anywhere in the text, or if any number in the text has a
 * comma; otherwise it becomes a space. A full stop goes unless a digit follows, be it inside of a word.
 */
export function stripPunctuation(text: string): string {
  const isNumeric = commaInNumber.test(text)
  let stripped = text
  for (const mark of marks) {
    const isSpaced = text.includes(`${mark} `) || text.includes(` ${mark}`)
    stripped = stripped.replaceAll(mark, isSpaced || isNumeric ? '' : ' ')
  }
  let left = mostFullStops
  return stripped.replaceAll(/\.(?!\p{Nd})/gu, stop => (left-- > 0 ? '' : stop))
}

/** Lower case; number words as digits, articles gone, apostrophes put back into contractions. */
export function mapWords(text: string): string {
  return text
    .toLowerCase()
    .split(/\s+/)
    .filter(word => word !== '')
    .map(word => numbers.get(word) ?? word)
    .filter(word => !articles.has(word))
    .map(word => contractions.get(word) ?? word)
    .join(' ')
}

const articles = new Set(['a', 'an', 'the'])

const numbers = new Map([
  ['none', '0'],
  ...'zero one two three four five six seven eight nine ten'
    .split(' ')
    .map((word, value) => [word, String(value)] as const),
])

/** The script's contractions, without those that it can never meet (they have capitals) and those it leaves alone. */
const spelled =
  `'ow's'at 'twas ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've
hasn't haven't he'd he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am might've mightn't mightn't've must've
mustn't needn't not've o'clock oughtn't shan't she'd've should've shouldn't shouldn't've somebody'd've somebody'll
somebody's someone'd someone'd've someone'll someone's something'd something'd've something'll that's there'd there'd've
there're there's they'd they'd've they'll they're they've wasn't we'd've we've weren't what'll what're what's what've
when's where'd where's where've who'd who'd've who'll who's who've why'll why're why's won't would've wouldn't
wouldn't've y'all y'all'd've y'all'll you'd you'd've you'll you're you've`.split(/\s+/)

/** By the spelling that lacks one apostrophe. The script has one the wrong way round. */
const contractions = new Map([
  ...spelled.flatMap(word =>
    [...word.matchAll(/'/g)].map(
      ({ index }) => [word.slice(0, index) + word.slice(index + 1), word] as const,
    ),
  ),
  ["somebody'd", 'somebodyd'] as const,
])
