const pictures = import.meta.glob<string>('../../demo/pictures/{000,003,004,006,008,010}.webp', {
  query: '?url',
  import: 'default',
  eager: true,
})

export interface Example {
  readonly name: string
  readonly url: string
  /** What the picture shows, for those who do not see it. */
  readonly shows: string
  /** The first is asked when the example is chosen. */
  readonly questions: readonly [string, ...string[]]
}

const example = (name: string, shows: string, ...questions: [string, ...string[]]): Example => ({
  name,
  url: pictures[`../../demo/pictures/${name}`] as string,
  shows,
  questions,
})

/** Pictures of the demo model's kind, with questions about small things in them. */
export const examples: readonly Example[] = [
  example(
    '003.webp',
    'A form with six rows among coloured shapes',
    'What is the date on the form?',
    'In this picture, which symbol does the yellow object have?',
    'Can you tell me the symbol on the cyan triangle?',
  ),
  example(
    '006.webp',
    'Two large triangles, two number plates, small circles',
    'What number is on the cyan plate?',
    'What character do you see on the red circle?',
    'How many plates are there?',
  ),
  example(
    '008.webp',
    'A large red circle, hearts, a diamond, a red plate',
    'What is written on the red plate?',
    'What symbol is printed inside the purple heart?',
    'What shape does the object with the K have?',
  ),
  example(
    '010.webp',
    'Large orange and cyan shapes, small ones at the edges, a note with four rows',
    'What symbol is printed inside the orange triangle?',
    'Give me whatever is on that orange star',
    'In this picture, which sign does the yellow object have?',
  ),
  example(
    '000.webp',
    'A large circle and small stars, diamonds and a heart',
    'Look at the sign on the pink star. What is it?',
    'What sign is printed inside the pink diamond?',
    'Which symbol is written on the circle?',
  ),
  example(
    '004.webp',
    'A large green heart, two large triangles, a small blue plate',
    'What number is on the blue plate?',
    'Look at the character on the orange object. What is it?',
    'Look at the character on the red object. What is it?',
  ),
]
