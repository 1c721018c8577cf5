define void @tandem_kernel(i64 %begin, i64 %end, ptr %ptrs, ptr %vals, ptr %scratch, ptr %status) nounwind "prefer-vector-width"="512" "min-legal-vector-width"="512" {
entry:
  %result5 = alloca [64 x float], align 64
  %lanes33 = alloca [2048 x float], align 64
  %stack34 = alloca [3072 x float], align 64
  %blocks35 = alloca [1 x i64], align 64
  %lanes357 = alloca [512 x float], align 64
  %stack358 = alloca [768 x float], align 64
  %blocks359 = alloca [1 x i64], align 64
  %s0.p = getelementptr i64, ptr %vals, i64 0
  %s0 = load i64, ptr %s0.p
  %s1.p = getelementptr i64, ptr %vals, i64 1
  %s1 = load i64, ptr %s1.p
  %s2.p = getelementptr i64, ptr %vals, i64 2
  %s2 = load i64, ptr %s2.p
  %s3.p = getelementptr i64, ptr %vals, i64 3
  %s3 = load i64, ptr %s3.p
  %v0 = getelementptr ptr, ptr %ptrs, i64 0
  %v1 = load ptr, ptr %v0
  %v2 = getelementptr ptr, ptr %ptrs, i64 1
  %v3 = load ptr, ptr %v2
  %v4 = mul i64 %s1, 64
  %v6 = add i64 %s0, 63
  %v7 = ashr i64 %v6, 6
  br label %head8
head8:
  %p10 = phi i64 [ %begin, %entry ], [ %v533, %done18 ]
  %v11 = icmp slt i64 %p10, %end
  br i1 %v11, label %body12, label %exit9
body12:
  %v13 = shl i64 %p10, 6
  %v14 = sub i64 %s0, %v13
  %v15 = call i64 @llvm.smin.i64(i64 %v14, i64 64)
  %v19 = icmp sgt i64 %v15, 32
  br i1 %v19, label %tile16, label %columns17
tile16:
  %v20 = trunc i64 %v15 to i32
  %v21 = insertelement <16 x i32> poison, i32 %v20, i32 0
  %v22 = shufflevector <16 x i32> %v21, <16 x i32> poison, <16 x i32> zeroinitializer
  %v23 = icmp ult <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>, %v22
  %v24 = icmp ult <16 x i32> <i32 16, i32 17, i32 18, i32 19, i32 20, i32 21, i32 22, i32 23, i32 24, i32 25, i32 26, i32 27, i32 28, i32 29, i32 30, i32 31>, %v22
  %v25 = icmp ult <16 x i32> <i32 32, i32 33, i32 34, i32 35, i32 36, i32 37, i32 38, i32 39, i32 40, i32 41, i32 42, i32 43, i32 44, i32 45, i32 46, i32 47>, %v22
  %v26 = icmp ult <16 x i32> <i32 48, i32 49, i32 50, i32 51, i32 52, i32 53, i32 54, i32 55, i32 56, i32 57, i32 58, i32 59, i32 60, i32 61, i32 62, i32 63>, %v22
  store <16 x float> splat (float 0x0000000000000000), ptr %result5, align 4
  %v27 = getelementptr float, ptr %result5, i64 16
  store <16 x float> splat (float 0x0000000000000000), ptr %v27, align 4
  %v28 = getelementptr float, ptr %result5, i64 32
  store <16 x float> splat (float 0x0000000000000000), ptr %v28, align 4
  %v29 = getelementptr float, ptr %result5, i64 48
  store <16 x float> splat (float 0x0000000000000000), ptr %v29, align 4
  %v30 = icmp sgt i64 %s1, 0
  br i1 %v30, label %then32, label %end31
then32:
  store i64 0, ptr %blocks35
  %v36 = sub i64 %s1, 0
  %v37 = call i64 @llvm.smin.i64(i64 %v36, i64 32)
  br label %head38
head38:
  %p40 = phi i64 [ 0, %then32 ], [ %v48, %body42 ]
  %v41 = icmp slt i64 %p40, %v37
  br i1 %v41, label %body42, label %exit39
body42:
  %v43 = mul i64 %p40, 64
  %v44 = getelementptr float, ptr %lanes33, i64 %v43
  store <16 x float> splat (float 0x0000000000000000), ptr %v44, align 4
  %v45 = getelementptr float, ptr %v44, i64 16
  store <16 x float> splat (float 0x0000000000000000), ptr %v45, align 4
  %v46 = getelementptr float, ptr %v44, i64 32
  store <16 x float> splat (float 0x0000000000000000), ptr %v46, align 4
  %v47 = getelementptr float, ptr %v44, i64 48
  store <16 x float> splat (float 0x0000000000000000), ptr %v47, align 4
  %v48 = add i64 %p40, 1
  br label %head38
exit39:
  %v49 = add i64 %s2, %v13
  %v50 = getelementptr float, ptr %v1, i64 %v49
  br label %head51
head51:
  %p53 = phi i64 [ 0, %exit39 ], [ %v189, %end87 ]
  %v54 = icmp slt i64 %p53, %s1
  br i1 %v54, label %body55, label %exit52
body55:
  %v56 = mul i64 %s3, %p53
  %v57 = getelementptr float, ptr %v50, i64 %v56
  %v58 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr %v57, i32 4, <16 x i1> %v23, <16 x float> zeroinitializer)
  %v59 = getelementptr float, ptr %v57, i64 16
  %v60 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr %v59, i32 4, <16 x i1> %v24, <16 x float> zeroinitializer)
  %v61 = getelementptr float, ptr %v57, i64 32
  %v62 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr %v61, i32 4, <16 x i1> %v25, <16 x float> zeroinitializer)
  %v63 = getelementptr float, ptr %v57, i64 48
  %v64 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr %v63, i32 4, <16 x i1> %v26, <16 x float> zeroinitializer)
  %v65 = and i64 %p53, 31
  %v66 = mul i64 %v65, 64
  %v67 = getelementptr float, ptr %lanes33, i64 %v66
  %v68 = load <16 x float>, ptr %v67, align 4
  %v69 = getelementptr float, ptr %v67, i64 16
  %v70 = load <16 x float>, ptr %v69, align 4
  %v71 = getelementptr float, ptr %v67, i64 32
  %v72 = load <16 x float>, ptr %v71, align 4
  %v73 = getelementptr float, ptr %v67, i64 48
  %v74 = load <16 x float>, ptr %v73, align 4
  %v75 = fadd <16 x float> %v68, %v58
  %v76 = fadd <16 x float> %v70, %v60
  %v77 = fadd <16 x float> %v72, %v62
  %v78 = fadd <16 x float> %v74, %v64
  %v79 = mul i64 %v65, 64
  %v80 = getelementptr float, ptr %lanes33, i64 %v79
  store <16 x float> %v75, ptr %v80, align 4
  %v81 = getelementptr float, ptr %v80, i64 16
  store <16 x float> %v76, ptr %v81, align 4
  %v82 = getelementptr float, ptr %v80, i64 32
  store <16 x float> %v77, ptr %v82, align 4
  %v83 = getelementptr float, ptr %v80, i64 48
  store <16 x float> %v78, ptr %v83, align 4
  %v84 = add i64 %p53, 1
  %v85 = urem i64 %v84, 4096
  %v86 = icmp eq i64 %v85, 0
  br i1 %v86, label %then88, label %end87
then88:
  %v89 = sub i64 %v84, 4096
  %v90 = call i64 @llvm.smin.i64(i64 4096, i64 32)
  br label %head91
head91:
  %p93 = phi i64 [ 16, %then88 ], [ %v132, %exit99 ]
  %p94 = phi i64 [ %v90, %then88 ], [ %v133, %exit99 ]
  %v95 = icmp sgt i64 %p93, 0
  br i1 %v95, label %body96, label %exit92
body96:
  %v97 = sub i64 %p94, %p93
  br label %head98
head98:
  %p100 = phi i64 [ 0, %body96 ], [ %v131, %body102 ]
  %v101 = icmp slt i64 %p100, %v97
  br i1 %v101, label %body102, label %exit99
body102:
  %v103 = add i64 %p100, %p93
  %v104 = mul i64 %p100, 64
  %v105 = getelementptr float, ptr %lanes33, i64 %v104
  %v106 = load <16 x float>, ptr %v105, align 4
  %v107 = getelementptr float, ptr %v105, i64 16
  %v108 = load <16 x float>, ptr %v107, align 4
  %v109 = getelementptr float, ptr %v105, i64 32
  %v110 = load <16 x float>, ptr %v109, align 4
  %v111 = getelementptr float, ptr %v105, i64 48
  %v112 = load <16 x float>, ptr %v111, align 4
  %v113 = mul i64 %v103, 64
  %v114 = getelementptr float, ptr %lanes33, i64 %v113
  %v115 = load <16 x float>, ptr %v114, align 4
  %v116 = getelementptr float, ptr %v114, i64 16
  %v117 = load <16 x float>, ptr %v116, align 4
  %v118 = getelementptr float, ptr %v114, i64 32
  %v119 = load <16 x float>, ptr %v118, align 4
  %v120 = getelementptr float, ptr %v114, i64 48
  %v121 = load <16 x float>, ptr %v120, align 4
  %v122 = fadd <16 x float> %v106, %v115
  %v123 = fadd <16 x float> %v108, %v117
  %v124 = fadd <16 x float> %v110, %v119
  %v125 = fadd <16 x float> %v112, %v121
  %v126 = mul i64 %p100, 64
  %v127 = getelementptr float, ptr %lanes33, i64 %v126
  store <16 x float> %v122, ptr %v127, align 4
  %v128 = getelementptr float, ptr %v127, i64 16
  store <16 x float> %v123, ptr %v128, align 4
  %v129 = getelementptr float, ptr %v127, i64 32
  store <16 x float> %v124, ptr %v129, align 4
  %v130 = getelementptr float, ptr %v127, i64 48
  store <16 x float> %v125, ptr %v130, align 4
  %v131 = add i64 %p100, 1
  br label %head98
exit99:
  %v132 = lshr i64 %p93, 1
  %v133 = call i64 @llvm.smin.i64(i64 %p94, i64 %p93)
  br label %head91
exit92:
  %v134 = load <16 x float>, ptr %lanes33, align 4
  %v135 = getelementptr float, ptr %lanes33, i64 16
  %v136 = load <16 x float>, ptr %v135, align 4
  %v137 = getelementptr float, ptr %lanes33, i64 32
  %v138 = load <16 x float>, ptr %v137, align 4
  %v139 = getelementptr float, ptr %lanes33, i64 48
  %v140 = load <16 x float>, ptr %v139, align 4
  %v141 = load i64, ptr %blocks35
  %v142 = call i64 @llvm.ctpop.i64(i64 %v141)
  br label %head143
head143:
  %p145 = phi i64 [ %v141, %exit92 ], [ %v167, %body152 ]
  %p146 = phi i64 [ %v142, %exit92 ], [ %v153, %body152 ]
  %p147 = phi <16 x float> [ %v134, %exit92 ], [ %v163, %body152 ]
  %p148 = phi <16 x float> [ %v136, %exit92 ], [ %v164, %body152 ]
  %p149 = phi <16 x float> [ %v138, %exit92 ], [ %v165, %body152 ]
  %p150 = phi <16 x float> [ %v140, %exit92 ], [ %v166, %body152 ]
  %v151 = trunc i64 %p145 to i1
  br i1 %v151, label %body152, label %exit144
body152:
  %v153 = add i64 %p146, -1
  %v154 = mul i64 %v153, 64
  %v155 = getelementptr float, ptr %stack34, i64 %v154
  %v156 = load <16 x float>, ptr %v155, align 4
  %v157 = getelementptr float, ptr %v155, i64 16
  %v158 = load <16 x float>, ptr %v157, align 4
  %v159 = getelementptr float, ptr %v155, i64 32
  %v160 = load <16 x float>, ptr %v159, align 4
  %v161 = getelementptr float, ptr %v155, i64 48
  %v162 = load <16 x float>, ptr %v161, align 4
  %v163 = fadd <16 x float> %v156, %p147
  %v164 = fadd <16 x float> %v158, %p148
  %v165 = fadd <16 x float> %v160, %p149
  %v166 = fadd <16 x float> %v162, %p150
  %v167 = lshr i64 %p145, 1
  br label %head143
exit144:
  %v168 = mul i64 %p146, 64
  %v169 = getelementptr float, ptr %stack34, i64 %v168
  store <16 x float> %p147, ptr %v169, align 4
  %v170 = getelementptr float, ptr %v169, i64 16
  store <16 x float> %p148, ptr %v170, align 4
  %v171 = getelementptr float, ptr %v169, i64 32
  store <16 x float> %p149, ptr %v171, align 4
  %v172 = getelementptr float, ptr %v169, i64 48
  store <16 x float> %p150, ptr %v172, align 4
  %v173 = add i64 %v141, 1
  store i64 %v173, ptr %blocks35
  %v174 = add i64 %v89, 4096
  %v175 = sub i64 %s1, %v174
  %v176 = call i64 @llvm.smin.i64(i64 %v175, i64 32)
  br label %head177
head177:
  %p179 = phi i64 [ 0, %exit144 ], [ %v188, %body181 ]
  %v180 = icmp slt i64 %p179, %v176
  br i1 %v180, label %body181, label %exit178
body181:
  %v182 = add i64 %v174, %p179
  %v183 = mul i64 %p179, 64
  %v184 = getelementptr float, ptr %lanes33, i64 %v183
  store <16 x float> splat (float 0x0000000000000000), ptr %v184, align 4
  %v185 = getelementptr float, ptr %v184, i64 16
  store <16 x float> splat (float 0x0000000000000000), ptr %v185, align 4
  %v186 = getelementptr float, ptr %v184, i64 32
  store <16 x float> splat (float 0x0000000000000000), ptr %v186, align 4
  %v187 = getelementptr float, ptr %v184, i64 48
  store <16 x float> splat (float 0x0000000000000000), ptr %v187, align 4
  %v188 = add i64 %p179, 1
  br label %head177
exit178:
  br label %end87
end87:
  %v189 = add i64 %p53, 1
  br label %head51
exit52:
  %v190 = urem i64 %s1, 4096
  %v191 = icmp ne i64 %v190, 0
  br i1 %v191, label %then193, label %end192
then193:
  %v194 = sub i64 %s1, %v190
  %v195 = call i64 @llvm.smin.i64(i64 %v190, i64 32)
  br label %head196
head196:
  %p198 = phi i64 [ 16, %then193 ], [ %v237, %exit204 ]
  %p199 = phi i64 [ %v195, %then193 ], [ %v238, %exit204 ]
  %v200 = icmp sgt i64 %p198, 0
  br i1 %v200, label %body201, label %exit197
body201:
  %v202 = sub i64 %p199, %p198
  br label %head203
head203:
  %p205 = phi i64 [ 0, %body201 ], [ %v236, %body207 ]
  %v206 = icmp slt i64 %p205, %v202
  br i1 %v206, label %body207, label %exit204
body207:
  %v208 = add i64 %p205, %p198
  %v209 = mul i64 %p205, 64
  %v210 = getelementptr float, ptr %lanes33, i64 %v209
  %v211 = load <16 x float>, ptr %v210, align 4
  %v212 = getelementptr float, ptr %v210, i64 16
  %v213 = load <16 x float>, ptr %v212, align 4
  %v214 = getelementptr float, ptr %v210, i64 32
  %v215 = load <16 x float>, ptr %v214, align 4
  %v216 = getelementptr float, ptr %v210, i64 48
  %v217 = load <16 x float>, ptr %v216, align 4
  %v218 = mul i64 %v208, 64
  %v219 = getelementptr float, ptr %lanes33, i64 %v218
  %v220 = load <16 x float>, ptr %v219, align 4
  %v221 = getelementptr float, ptr %v219, i64 16
  %v222 = load <16 x float>, ptr %v221, align 4
  %v223 = getelementptr float, ptr %v219, i64 32
  %v224 = load <16 x float>, ptr %v223, align 4
  %v225 = getelementptr float, ptr %v219, i64 48
  %v226 = load <16 x float>, ptr %v225, align 4
  %v227 = fadd <16 x float> %v211, %v220
  %v228 = fadd <16 x float> %v213, %v222
  %v229 = fadd <16 x float> %v215, %v224
  %v230 = fadd <16 x float> %v217, %v226
  %v231 = mul i64 %p205, 64
  %v232 = getelementptr float, ptr %lanes33, i64 %v231
  store <16 x float> %v227, ptr %v232, align 4
  %v233 = getelementptr float, ptr %v232, i64 16
  store <16 x float> %v228, ptr %v233, align 4
  %v234 = getelementptr float, ptr %v232, i64 32
  store <16 x float> %v229, ptr %v234, align 4
  %v235 = getelementptr float, ptr %v232, i64 48
  store <16 x float> %v230, ptr %v235, align 4
  %v236 = add i64 %p205, 1
  br label %head203
exit204:
  %v237 = lshr i64 %p198, 1
  %v238 = call i64 @llvm.smin.i64(i64 %p199, i64 %p198)
  br label %head196
exit197:
  %v239 = load <16 x float>, ptr %lanes33, align 4
  %v240 = getelementptr float, ptr %lanes33, i64 16
  %v241 = load <16 x float>, ptr %v240, align 4
  %v242 = getelementptr float, ptr %lanes33, i64 32
  %v243 = load <16 x float>, ptr %v242, align 4
  %v244 = getelementptr float, ptr %lanes33, i64 48
  %v245 = load <16 x float>, ptr %v244, align 4
  %v246 = load i64, ptr %blocks35
  %v247 = call i64 @llvm.ctpop.i64(i64 %v246)
  br label %head248
head248:
  %p250 = phi i64 [ %v246, %exit197 ], [ %v272, %body257 ]
  %p251 = phi i64 [ %v247, %exit197 ], [ %v258, %body257 ]
  %p252 = phi <16 x float> [ %v239, %exit197 ], [ %v268, %body257 ]
  %p253 = phi <16 x float> [ %v241, %exit197 ], [ %v269, %body257 ]
  %p254 = phi <16 x float> [ %v243, %exit197 ], [ %v270, %body257 ]
  %p255 = phi <16 x float> [ %v245, %exit197 ], [ %v271, %body257 ]
  %v256 = trunc i64 %p250 to i1
  br i1 %v256, label %body257, label %exit249
body257:
  %v258 = add i64 %p251, -1
  %v259 = mul i64 %v258, 64
  %v260 = getelementptr float, ptr %stack34, i64 %v259
  %v261 = load <16 x float>, ptr %v260, align 4
  %v262 = getelementptr float, ptr %v260, i64 16
  %v263 = load <16 x float>, ptr %v262, align 4
  %v264 = getelementptr float, ptr %v260, i64 32
  %v265 = load <16 x float>, ptr %v264, align 4
  %v266 = getelementptr float, ptr %v260, i64 48
  %v267 = load <16 x float>, ptr %v266, align 4
  %v268 = fadd <16 x float> %v261, %p252
  %v269 = fadd <16 x float> %v263, %p253
  %v270 = fadd <16 x float> %v265, %p254
  %v271 = fadd <16 x float> %v267, %p255
  %v272 = lshr i64 %p250, 1
  br label %head248
exit249:
  %v273 = mul i64 %p251, 64
  %v274 = getelementptr float, ptr %stack34, i64 %v273
  store <16 x float> %p252, ptr %v274, align 4
  %v275 = getelementptr float, ptr %v274, i64 16
  store <16 x float> %p253, ptr %v275, align 4
  %v276 = getelementptr float, ptr %v274, i64 32
  store <16 x float> %p254, ptr %v276, align 4
  %v277 = getelementptr float, ptr %v274, i64 48
  store <16 x float> %p255, ptr %v277, align 4
  %v278 = add i64 %v246, 1
  store i64 %v278, ptr %blocks35
  %v279 = add i64 %v194, %v190
  %v280 = sub i64 %s1, %v279
  %v281 = call i64 @llvm.smin.i64(i64 %v280, i64 32)
  br label %head282
head282:
  %p284 = phi i64 [ 0, %exit249 ], [ %v293, %body286 ]
  %v285 = icmp slt i64 %p284, %v281
  br i1 %v285, label %body286, label %exit283
body286:
  %v287 = add i64 %v279, %p284
  %v288 = mul i64 %p284, 64
  %v289 = getelementptr float, ptr %lanes33, i64 %v288
  store <16 x float> splat (float 0x0000000000000000), ptr %v289, align 4
  %v290 = getelementptr float, ptr %v289, i64 16
  store <16 x float> splat (float 0x0000000000000000), ptr %v290, align 4
  %v291 = getelementptr float, ptr %v289, i64 32
  store <16 x float> splat (float 0x0000000000000000), ptr %v291, align 4
  %v292 = getelementptr float, ptr %v289, i64 48
  store <16 x float> splat (float 0x0000000000000000), ptr %v292, align 4
  %v293 = add i64 %p284, 1
  br label %head282
exit283:
  br label %end192
end192:
  %v294 = load i64, ptr %blocks35
  %v295 = call i64 @llvm.ctpop.i64(i64 %v294)
  %v296 = add i64 %v295, -1
  %v297 = mul i64 %v296, 64
  %v298 = getelementptr float, ptr %stack34, i64 %v297
  %v299 = load <16 x float>, ptr %v298, align 4
  %v300 = getelementptr float, ptr %v298, i64 16
  %v301 = load <16 x float>, ptr %v300, align 4
  %v302 = getelementptr float, ptr %v298, i64 32
  %v303 = load <16 x float>, ptr %v302, align 4
  %v304 = getelementptr float, ptr %v298, i64 48
  %v305 = load <16 x float>, ptr %v304, align 4
  br label %head306
head306:
  %p308 = phi i64 [ %v296, %end192 ], [ %v315, %body314 ]
  %p309 = phi <16 x float> [ %v299, %end192 ], [ %v325, %body314 ]
  %p310 = phi <16 x float> [ %v301, %end192 ], [ %v326, %body314 ]
  %p311 = phi <16 x float> [ %v303, %end192 ], [ %v327, %body314 ]
  %p312 = phi <16 x float> [ %v305, %end192 ], [ %v328, %body314 ]
  %v313 = icmp sgt i64 %p308, 0
  br i1 %v313, label %body314, label %exit307
body314:
  %v315 = add i64 %p308, -1
  %v316 = mul i64 %v315, 64
  %v317 = getelementptr float, ptr %stack34, i64 %v316
  %v318 = load <16 x float>, ptr %v317, align 4
  %v319 = getelementptr float, ptr %v317, i64 16
  %v320 = load <16 x float>, ptr %v319, align 4
  %v321 = getelementptr float, ptr %v317, i64 32
  %v322 = load <16 x float>, ptr %v321, align 4
  %v323 = getelementptr float, ptr %v317, i64 48
  %v324 = load <16 x float>, ptr %v323, align 4
  %v325 = fadd <16 x float> %v318, %p309
  %v326 = fadd <16 x float> %v320, %p310
  %v327 = fadd <16 x float> %v322, %p311
  %v328 = fadd <16 x float> %v324, %p312
  br label %head306
exit307:
  store <16 x float> %p309, ptr %result5, align 4
  %v329 = getelementptr float, ptr %result5, i64 16
  store <16 x float> %p310, ptr %v329, align 4
  %v330 = getelementptr float, ptr %result5, i64 32
  store <16 x float> %p311, ptr %v330, align 4
  %v331 = getelementptr float, ptr %result5, i64 48
  store <16 x float> %p312, ptr %v331, align 4
  br label %end31
end31:
  %v332 = load <16 x float>, ptr %result5, align 4
  %v333 = getelementptr float, ptr %result5, i64 16
  %v334 = load <16 x float>, ptr %v333, align 4
  %v335 = getelementptr float, ptr %result5, i64 32
  %v336 = load <16 x float>, ptr %v335, align 4
  %v337 = getelementptr float, ptr %result5, i64 48
  %v338 = load <16 x float>, ptr %v337, align 4
  %v339 = getelementptr float, ptr %v3, i64 %v13
  call void @llvm.masked.store.v16f32.p0(<16 x float> %v332, ptr %v339, i32 4, <16 x i1> %v23)
  %v340 = getelementptr float, ptr %v339, i64 16
  call void @llvm.masked.store.v16f32.p0(<16 x float> %v334, ptr %v340, i32 4, <16 x i1> %v24)
  %v341 = getelementptr float, ptr %v339, i64 32
  call void @llvm.masked.store.v16f32.p0(<16 x float> %v336, ptr %v341, i32 4, <16 x i1> %v25)
  %v342 = getelementptr float, ptr %v339, i64 48
  call void @llvm.masked.store.v16f32.p0(<16 x float> %v338, ptr %v342, i32 4, <16 x i1> %v26)
  br label %done18
columns17:
  br label %head343
head343:
  %p345 = phi i64 [ 0, %columns17 ], [ %v532, %end355 ]
  %v346 = icmp slt i64 %p345, %v15
  br i1 %v346, label %body347, label %exit344
body347:
  %v348 = add i64 %v13, %p345
  %v349 = sub i64 %v15, %p345
  %v350 = trunc i64 %v349 to i32
  %v351 = insertelement <16 x i32> poison, i32 %v350, i32 0
  %v352 = shufflevector <16 x i32> %v351, <16 x i32> poison, <16 x i32> zeroinitializer
  %v353 = icmp ult <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>, %v352
  store <16 x float> splat (float 0x0000000000000000), ptr %result5, align 4
  %v354 = icmp sgt i64 %s1, 0
  br i1 %v354, label %then356, label %end355
then356:
  store i64 0, ptr %blocks359
  %v360 = sub i64 %s1, 0
  %v361 = call i64 @llvm.smin.i64(i64 %v360, i64 32)
  br label %head362
head362:
  %p364 = phi i64 [ 0, %then356 ], [ %v369, %body366 ]
  %v365 = icmp slt i64 %p364, %v361
  br i1 %v365, label %body366, label %exit363
body366:
  %v367 = mul i64 %p364, 16
  %v368 = getelementptr float, ptr %lanes357, i64 %v367
  store <16 x float> splat (float 0x0000000000000000), ptr %v368, align 4
  %v369 = add i64 %p364, 1
  br label %head362
exit363:
  %v370 = add i64 %s2, %v348
  %v371 = getelementptr float, ptr %v1, i64 %v370
  br label %head372
head372:
  %p374 = phi i64 [ 0, %exit363 ], [ %v450, %end390 ]
  %v375 = icmp slt i64 %p374, %s1
  br i1 %v375, label %body376, label %exit373
body376:
  %v377 = mul i64 %s3, %p374
  %v378 = getelementptr float, ptr %v371, i64 %v377
  %v379 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr %v378, i32 4, <16 x i1> %v353, <16 x float> zeroinitializer)
  %v380 = and i64 %p374, 31
  %v381 = mul i64 %v380, 16
  %v382 = getelementptr float, ptr %lanes357, i64 %v381
  %v383 = load <16 x float>, ptr %v382, align 4
  %v384 = fadd <16 x float> %v383, %v379
  %v385 = mul i64 %v380, 16
  %v386 = getelementptr float, ptr %lanes357, i64 %v385
  store <16 x float> %v384, ptr %v386, align 4
  %v387 = add i64 %p374, 1
  %v388 = urem i64 %v387, 4096
  %v389 = icmp eq i64 %v388, 0
  br i1 %v389, label %then391, label %end390
then391:
  %v392 = sub i64 %v387, 4096
  %v393 = call i64 @llvm.smin.i64(i64 4096, i64 32)
  br label %head394
head394:
  %p396 = phi i64 [ 16, %then391 ], [ %v417, %exit402 ]
  %p397 = phi i64 [ %v393, %then391 ], [ %v418, %exit402 ]
  %v398 = icmp sgt i64 %p396, 0
  br i1 %v398, label %body399, label %exit395
body399:
  %v400 = sub i64 %p397, %p396
  br label %head401
head401:
  %p403 = phi i64 [ 0, %body399 ], [ %v416, %body405 ]
  %v404 = icmp slt i64 %p403, %v400
  br i1 %v404, label %body405, label %exit402
body405:
  %v406 = add i64 %p403, %p396
  %v407 = mul i64 %p403, 16
  %v408 = getelementptr float, ptr %lanes357, i64 %v407
  %v409 = load <16 x float>, ptr %v408, align 4
  %v410 = mul i64 %v406, 16
  %v411 = getelementptr float, ptr %lanes357, i64 %v410
  %v412 = load <16 x float>, ptr %v411, align 4
  %v413 = fadd <16 x float> %v409, %v412
  %v414 = mul i64 %p403, 16
  %v415 = getelementptr float, ptr %lanes357, i64 %v414
  store <16 x float> %v413, ptr %v415, align 4
  %v416 = add i64 %p403, 1
  br label %head401
exit402:
  %v417 = lshr i64 %p396, 1
  %v418 = call i64 @llvm.smin.i64(i64 %p397, i64 %p396)
  br label %head394
exit395:
  %v419 = load <16 x float>, ptr %lanes357, align 4
  %v420 = load i64, ptr %blocks359
  %v421 = call i64 @llvm.ctpop.i64(i64 %v420)
  br label %head422
head422:
  %p424 = phi i64 [ %v420, %exit395 ], [ %v434, %body428 ]
  %p425 = phi i64 [ %v421, %exit395 ], [ %v429, %body428 ]
  %p426 = phi <16 x float> [ %v419, %exit395 ], [ %v433, %body428 ]
  %v427 = trunc i64 %p424 to i1
  br i1 %v427, label %body428, label %exit423
body428:
  %v429 = add i64 %p425, -1
  %v430 = mul i64 %v429, 16
  %v431 = getelementptr float, ptr %stack358, i64 %v430
  %v432 = load <16 x float>, ptr %v431, align 4
  %v433 = fadd <16 x float> %v432, %p426
  %v434 = lshr i64 %p424, 1
  br label %head422
exit423:
  %v435 = mul i64 %p425, 16
  %v436 = getelementptr float, ptr %stack358, i64 %v435
  store <16 x float> %p426, ptr %v436, align 4
  %v437 = add i64 %v420, 1
  store i64 %v437, ptr %blocks359
  %v438 = add i64 %v392, 4096
  %v439 = sub i64 %s1, %v438
  %v440 = call i64 @llvm.smin.i64(i64 %v439, i64 32)
  br label %head441
head441:
  %p443 = phi i64 [ 0, %exit423 ], [ %v449, %body445 ]
  %v444 = icmp slt i64 %p443, %v440
  br i1 %v444, label %body445, label %exit442
body445:
  %v446 = add i64 %v438, %p443
  %v447 = mul i64 %p443, 16
  %v448 = getelementptr float, ptr %lanes357, i64 %v447
  store <16 x float> splat (float 0x0000000000000000), ptr %v448, align 4
  %v449 = add i64 %p443, 1
  br label %head441
exit442:
  br label %end390
end390:
  %v450 = add i64 %p374, 1
  br label %head372
exit373:
  %v451 = urem i64 %s1, 4096
  %v452 = icmp ne i64 %v451, 0
  br i1 %v452, label %then454, label %end453
then454:
  %v455 = sub i64 %s1, %v451
  %v456 = call i64 @llvm.smin.i64(i64 %v451, i64 32)
  br label %head457
head457:
  %p459 = phi i64 [ 16, %then454 ], [ %v480, %exit465 ]
  %p460 = phi i64 [ %v456, %then454 ], [ %v481, %exit465 ]
  %v461 = icmp sgt i64 %p459, 0
  br i1 %v461, label %body462, label %exit458
body462:
  %v463 = sub i64 %p460, %p459
  br label %head464
head464:
  %p466 = phi i64 [ 0, %body462 ], [ %v479, %body468 ]
  %v467 = icmp slt i64 %p466, %v463
  br i1 %v467, label %body468, label %exit465
body468:
  %v469 = add i64 %p466, %p459
  %v470 = mul i64 %p466, 16
  %v471 = getelementptr float, ptr %lanes357, i64 %v470
  %v472 = load <16 x float>, ptr %v471, align 4
  %v473 = mul i64 %v469, 16
  %v474 = getelementptr float, ptr %lanes357, i64 %v473
  %v475 = load <16 x float>, ptr %v474, align 4
  %v476 = fadd <16 x float> %v472, %v475
  %v477 = mul i64 %p466, 16
  %v478 = getelementptr float, ptr %lanes357, i64 %v477
  store <16 x float> %v476, ptr %v478, align 4
  %v479 = add i64 %p466, 1
  br label %head464
exit465:
  %v480 = lshr i64 %p459, 1
  %v481 = call i64 @llvm.smin.i64(i64 %p460, i64 %p459)
  br label %head457
exit458:
  %v482 = load <16 x float>, ptr %lanes357, align 4
  %v483 = load i64, ptr %blocks359
  %v484 = call i64 @llvm.ctpop.i64(i64 %v483)
  br label %head485
head485:
  %p487 = phi i64 [ %v483, %exit458 ], [ %v497, %body491 ]
  %p488 = phi i64 [ %v484, %exit458 ], [ %v492, %body491 ]
  %p489 = phi <16 x float> [ %v482, %exit458 ], [ %v496, %body491 ]
  %v490 = trunc i64 %p487 to i1
  br i1 %v490, label %body491, label %exit486
body491:
  %v492 = add i64 %p488, -1
  %v493 = mul i64 %v492, 16
  %v494 = getelementptr float, ptr %stack358, i64 %v493
  %v495 = load <16 x float>, ptr %v494, align 4
  %v496 = fadd <16 x float> %v495, %p489
  %v497 = lshr i64 %p487, 1
  br label %head485
exit486:
  %v498 = mul i64 %p488, 16
  %v499 = getelementptr float, ptr %stack358, i64 %v498
  store <16 x float> %p489, ptr %v499, align 4
  %v500 = add i64 %v483, 1
  store i64 %v500, ptr %blocks359
  %v501 = add i64 %v455, %v451
  %v502 = sub i64 %s1, %v501
  %v503 = call i64 @llvm.smin.i64(i64 %v502, i64 32)
  br label %head504
head504:
  %p506 = phi i64 [ 0, %exit486 ], [ %v512, %body508 ]
  %v507 = icmp slt i64 %p506, %v503
  br i1 %v507, label %body508, label %exit505
body508:
  %v509 = add i64 %v501, %p506
  %v510 = mul i64 %p506, 16
  %v511 = getelementptr float, ptr %lanes357, i64 %v510
  store <16 x float> splat (float 0x0000000000000000), ptr %v511, align 4
  %v512 = add i64 %p506, 1
  br label %head504
exit505:
  br label %end453
end453:
  %v513 = load i64, ptr %blocks359
  %v514 = call i64 @llvm.ctpop.i64(i64 %v513)
  %v515 = add i64 %v514, -1
  %v516 = mul i64 %v515, 16
  %v517 = getelementptr float, ptr %stack358, i64 %v516
  %v518 = load <16 x float>, ptr %v517, align 4
  br label %head519
head519:
  %p521 = phi i64 [ %v515, %end453 ], [ %v525, %body524 ]
  %p522 = phi <16 x float> [ %v518, %end453 ], [ %v529, %body524 ]
  %v523 = icmp sgt i64 %p521, 0
  br i1 %v523, label %body524, label %exit520
body524:
  %v525 = add i64 %p521, -1
  %v526 = mul i64 %v525, 16
  %v527 = getelementptr float, ptr %stack358, i64 %v526
  %v528 = load <16 x float>, ptr %v527, align 4
  %v529 = fadd <16 x float> %v528, %p522
  br label %head519
exit520:
  store <16 x float> %p522, ptr %result5, align 4
  br label %end355
end355:
  %v530 = load <16 x float>, ptr %result5, align 4
  %v531 = getelementptr float, ptr %v3, i64 %v348
  call void @llvm.masked.store.v16f32.p0(<16 x float> %v530, ptr %v531, i32 4, <16 x i1> %v353)
  %v532 = add i64 %p345, 16
  br label %head343
exit344:
  br label %done18
done18:
  %v533 = add i64 %p10, 1
  br label %head8
exit9:
  ret void
}
!0 = !{i32 1}
!1 = !{!"branch_weights", i32 1, i32 4096}
