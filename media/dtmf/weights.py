"""The trained score's numbers, one for each feature of decide.measure, then one for each feature's square.

Origin: scripts/train_dtmf.py, seed 1001, from 155370 looks at generated keys and 150208 at what is no key:
generated talkers, glides, chords and noise, and the Debian packages
asterisk-core-sounds-en-wav, asterisk-core-sounds-es-wav, asterisk-core-sounds-fr-wav, asterisk-core-sounds-
it-wav, asterisk-core-sounds-ru-wav, asterisk-prompt-it-menardi-wav, asterisk-prompt-es-co, asterisk-prompt-
fr-armelle, gcin-voice, fillets-ng-data-cs, ktuberling-data, asterisk-moh-opsound-wav.
Not to be edited by hand.
"""

from typing import Final

import numpy as np

from media.dtmf.tables import Doubles

CENTRE: Final[Doubles] = np.array(
    [
        -2.606, -3.7424, -3.5949, -3.6779, -3.4471, -3.5871, -3.4142, -3.6815, -3.366, -3.4135, -3.2004,
        -3.4057, -3.2228, -3.2307, 0.016463, 0.016276, 0.12555, 0.11926, 0.19571, 0.38025, -3.0142, 2.5066
    ]
)
SCALE: Final[Doubles] = np.array(
    [
        0.88889, 1.8538, 1.4838, 1.7649, 1.1621, 1.5661, 1.2402, 1.7699, 1.162, 1.25, 1.112, 1.2038, 1.442,
        1.3792, 25.659, 25.191, 2.6834, 2.7234, 1.2733, 0.74088, 0.783, 9.5978
    ]
)
WEIGHTS: Final[Doubles] = np.array(
    [
        2.0836, 4.1118, -2.2414, 1.5664, 1.956, 2.3618, -2.132, 3.0752, -1.3837, 1.8167, -0.91458, -6.0291,
        0.67285, -0.69925, -0.39219, 0.15364, -2.4959, -1.5459, -1.3283, -2.1858, -1.3133, 0.281, 1.2978,
        -0.65466, 0.2422, -0.43372, -0.72404, -0.80576, 0.053457, -0.74759, -0.1049, -0.78045, -0.55455,
        0.58383, -0.26762, 0.40062, 0.028449, -0.030907, 0.30327, -0.002378, 0.1718, 0.20738, -0.923, -0.098568
    ]
)
BIAS: Final = 18.46662
